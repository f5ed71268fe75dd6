"""Pictures of runs from their metrics.jsonl. No torch.

read      metrics.jsonl to a Run, in memory bounded by what a picture can show
reduce    10^6 points to a mean, a lowest and a highest one for each column of pixels
names     names of evaluations to panels and labels, names from outside to what can be drawn
panels    a panel each: loss, learning rate, gradient norm, speed, evaluations
page      the picture and two tables as one HTML page
write     all of it
"""
