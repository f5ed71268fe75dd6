"""transformers' Trainer on the same weights and windows, with the settings of our loop."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import (
    AutoModelForCausalLM,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.meter import Meter
from benchmarks.plain_gpt import Job, Windows

WORKERS = 2


class _Rows(Dataset):  # type: ignore[type-arg]
    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __len__(self) -> int:
        return self._windows.count

    def __getitem__(self, position: int) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(self._windows.window(position)[:-1])
        return {"input_ids": ids, "labels": ids}


class _Metered(Trainer):  # type: ignore[misc]
    """In our order; the loss of a step adds up on the device."""

    total: torch.Tensor | float = 0.0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*given, **named)
        self.total = self.total + loss.detach()
        return loss


class _Until(TrainerCallback):  # type: ignore[misc]
    def __init__(self, meter: Meter) -> None:
        self.meter, self.trainer = meter, None

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = self.meter.step(self.trainer.total)
        self.trainer.total = 0.0


def trainer_loop(job: Job, scratch: Path) -> None:
    """Train with it. scratch: it wants a folder."""
    on_gpu = job.device.type == "cuda"
    arguments = TrainingArguments(
        output_dir=str(scratch),
        per_device_train_batch_size=job.micro,
        gradient_accumulation_steps=job.micros,
        max_steps=10_000,
        learning_rate=job.lr,
        lr_scheduler_type="constant",
        adam_beta2=0.95,
        weight_decay=0.1,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        bf16=on_gpu,
        use_cpu=not on_gpu,
        torch_compile=job.compiled,
        dataloader_num_workers=WORKERS if on_gpu else 0,
        dataloader_pin_memory=on_gpu,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    model = AutoModelForCausalLM.from_pretrained(job.weights, dtype=torch.float32, use_cache=False)
    until = _Until(job.meter)
    trainer = _Metered(
        model=model, args=arguments, train_dataset=_Rows(job.windows), callbacks=[until]
    )
    trainer.remove_callback(PrinterCallback)
    until.trainer = trainer
    trainer.train()
