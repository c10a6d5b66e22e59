"""Damaged files are read, or refused with one sentence: no other exception, no output, no hang, no memory."""

from fuzzing import MOST_MEMORY, mutated, run, seeds


def test_damaged_files_of_every_format_are_read_or_refused() -> None:
    summary = run(3000)
    assert not summary.failures, "\n".join(summary.failures)
    assert summary.counts.total() == 3000
    expected = {(name.split()[0], outcome) for name in seeds() for outcome in ("read", "refused")}
    assert summary.counts.keys() == expected
    assert summary.peak < MOST_MEMORY


def test_a_file_is_a_function_of_its_number() -> None:
    seeds_before = dict(seeds())
    first = [mutated(number) for number in range(200)]
    seeds.cache_clear()
    assert [mutated(number) for number in range(200)] == first
    assert seeds() == seeds_before
    assert len({data for _, data in first}) > 190
