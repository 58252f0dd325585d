"""Shares of a batch: the rows that fall to one rank of data-parallel training."""


def rows_of(batch_size: int, first: int, count: int | None) -> range:
    """Rows `first` to `first + count` of a batch; all from `first` on where no `count` is given.

    Raises:
        IndexError: the batch has no such rows.
    """
    end = batch_size if count is None else first + count
    if not 0 <= first <= end <= batch_size:
        raise IndexError(
            f"rows {first} to {end} of a batch of {batch_size}: expected 0 <= first <= end <= {batch_size}"
        )
    return range(first, end)
