"""Peaks of GPUs: model FLOPs utilisation (MFU) is the share of them that ModelShape.flops takes,
whatever the code computes twice or leaves out (PaLM, Chowdhery et al. 2022). No torch."""

import re

PEAKS: tuple[tuple[str, float], ...] = (
    # NVIDIA's data sheets; where they give a figure with sparsity, half of it.
    ("GB300", 2.5e15),
    ("GB200", 2.5e15),
    ("B300", 2.25e15),
    ("B200", 2.25e15),
    ("H200 NVL", 835.5e12),
    ("GH200", 989.5e12),
    ("H200", 989.5e12),
    ("H100 PCIE", 756e12),
    ("H100 NVL", 835.5e12),
    ("H100", 989.5e12),
    ("H800 PCIE", 756e12),
    ("H800", 989.5e12),
    ("H20", 148e12),
    ("A100", 312e12),
    ("A800", 312e12),
    ("A40", 149.7e12),
    ("A30", 165e12),
    ("A10", 125e12),
    ("L40S", 362.05e12),
    ("L40", 181.05e12),
    ("L4", 121e12),
    # NVIDIA's white papers on Ampere, Ada and Blackwell: sums in fp32, without sparsity.
    ("RTX 6000 ADA", 364.2e12),
    ("RTX 5090", 209.5e12),
    ("RTX 4090", 165.2e12),
    ("RTX 3090", 71e12),
    ("RTX A6000", 154.8e12),
    # AMD's data sheets. A GPU of the MI200 series is two devices: half of its figure each.
    ("MI355X", 2516.6e12),
    ("MI350X", 2306.9e12),
    ("MI325X", 1307.4e12),
    ("MI300X", 1307.4e12),
    ("MI300A", 980.6e12),
    ("MI250X", 191.5e12),
    ("MI250", 181e12),
    ("MI210", 181e12),
)
"""Words of a device's name -> FLOP/s of dense bf16 products; the first whose words are all there.
"""
OTHER_CHIPS = {"MIG", "LAPTOP", "MAX", "TI", "D"}
"""Words of parts and variants of a device, whose peak is another."""


def peak_flops(device: str) -> float | None:
    """FLOP/s of dense bf16 by the name that torch.cuda.get_device_name gives; None: unknown."""
    words = set(re.split(r"[^A-Z0-9]+", device.upper()))
    if words & OTHER_CHIPS:
        return None
    return next((peak for name, peak in PEAKS if set(name.split()) <= words), None)
