#!/usr/bin/env bash
# dolma-pipe on Slurm, without Ray: one rank a node; rank 0 drives the run and does its share, too.
#
#   sbatch slurm.sh mix.yaml /shared/runs/mix
#
# The recipe, its inputs and the work directory lie where all nodes see them (or on s3://). Before the
# time limit, and when the job is preempted, ranks get SIGTERM: the shards at hand are finished, and
# the job comes back and goes on. Edit the sizes and how the environment is found.
#SBATCH --job-name=dolma-pipe
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem-per-cpu=1500M
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
set -euo pipefail
recipe=$1
work=$2
export DOLMA_PIPE_GRACE=${DOLMA_PIPE_GRACE:-90}
export DOLMA_PIPE_SPOOL=${DOLMA_PIPE_SPOOL:-${TMPDIR:-/tmp}/dolma-pipe-$SLURM_JOB_ID}

# A rank that dies does not take the others with it: rank 0 does what is missing.
status=0
# srun does not take --cpus-per-task from the job in all versions of Slurm.
srun --kill-on-bad-exit=0 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  dolma-pipe run "$recipe" --engine array --workers "$SLURM_CPUS_PER_TASK" --work "$work" || status=$?
if [ "$status" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
