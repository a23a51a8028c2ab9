"""TRL's SFT trainer with the output layer computed where an answer's tokens stand, and nowhere else.

TRL scores every position on a CPU; a prompt is forty times as long as its answer, and the scores of 49,152
words at each of its tokens were most of the memory. Knows nothing of rows and settings.
"""

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def answer_trainer() -> Any:
    """The trainer's class: the loss is the mean negative log-probability of a step's labelled tokens, as in
    SFTTrainer."""
    import torch
    from trl import SFTTrainer

    class AnswerTrainer(SFTTrainer):
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """`inputs`: input_ids, attention_mask, labels (batch, tokens); a label of -100 is not scored."""
            labels = inputs["labels"][:, 1:]
            columns = (labels != -100).any(0).nonzero()[:, 0]
            rest = {key: value for key, value in inputs.items() if key != "labels"}
            out = model(**rest, use_cache=False, logits_to_keep=columns)
            scores, targets = out.logits.float().flatten(0, 1), labels[:, columns].flatten()
            total = torch.nn.functional.cross_entropy(scores, targets, ignore_index=-100, reduction="sum")
            count = (targets != -100).sum() if num_items_in_batch is None else num_items_in_batch
            loss = total / torch.as_tensor(count).clamp(min=1)
            self._total_train_tokens += int(inputs["attention_mask"].sum())
            self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return (loss, out) if return_outputs else loss

    return AnswerTrainer
