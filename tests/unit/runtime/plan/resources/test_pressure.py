"""What the kernel's files say, of either cgroup version, and what is said where they are absent."""

from __future__ import annotations

import pytest

from skvm.runtime.plan.resources.pressure import Machine, Reading

PSI = "some avg10={} avg60=0.00 avg300=0.00 total=1\nfull avg10={} avg60=0.00 avg300=0.00 total=1\n"
MEMINFO = "MemTotal:       1000 kB\nMemFree:        1 kB\nMemAvailable:   {} kB\n"


class Files:
    """A machine made of files."""

    def __init__(self, folder):
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"
        self.write("proc/self/cgroup", "")
        self.folder = folder

    def write(self, path, text):
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return self

    def machine(self):
        return Machine(self.proc, self.cgroups)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_a_machine_without_any_such_file_has_no_gates_and_says_so(files):
    machine = files.machine()
    assert machine.read() == Reading()
    assert len(machine.notes) == 3
    assert all("not reduced" in note for note in machine.notes)


def test_stalls_of_the_own_cgroup_count_before_those_of_the_machine(files):
    files.write("proc/pressure/memory", PSI.format(30.0, 12.5))
    files.write("proc/pressure/cpu", PSI.format(40.0, 0.0))
    machine = files.machine()
    assert machine.read() == Reading(memory_some=30.0, memory_full=12.5, cpu_some=40.0)
    files.write("proc/self/cgroup", "0::/a/b\n").write("cgroup/a/b/memory.pressure", PSI.format(1.5, 0.5))
    assert files.machine().read() == Reading(memory_some=1.5, memory_full=0.5, cpu_some=40.0)


def test_the_tightest_bound_above_counts_and_file_pages_do_not(files):
    files.write("proc/self/cgroup", "0::/a/b\n")
    for folder, limit in (("a/b", "max\n"), ("a", "1000\n")):
        files.write(f"cgroup/{folder}/memory.max", limit)
        files.write(f"cgroup/{folder}/memory.current", "900\n")
        files.write(f"cgroup/{folder}/memory.stat", "anon 500\ninactive_file 150\nactive_file 50\n")
    assert files.machine().read().memory_used == pytest.approx(0.75)


def test_bounds_of_the_first_version_are_read_as_well(files):
    files.write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/x\n0::/\n")
    for folder, limit in (("x", "2000"), ("", "9223372036854771712")):
        files.write(f"cgroup/memory/{folder}/memory.limit_in_bytes", limit)
        files.write(f"cgroup/memory/{folder}/memory.usage_in_bytes", "1900")
        files.write(f"cgroup/memory/{folder}/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n")
    assert files.machine().read().memory_used == pytest.approx(0.9)


def test_memory_of_the_whole_machine_counts_where_it_is_tighter(files):
    files.write("proc/meminfo", MEMINFO.format(50))
    machine = files.machine()
    assert machine.read().memory_used == pytest.approx(0.95)
    assert not any("memory is left" in note for note in machine.notes)


@pytest.mark.parametrize(("left_gib", "used"), [(4, 0.75), (40, 0.0), (0, 1.0)])
def test_a_small_part_of_much_is_still_much(files, left_gib, used):
    files.write("proc/meminfo", f"MemTotal: {1 << 30} kB\nMemAvailable: {left_gib << 20} kB\n")
    assert files.machine().read().memory_used == pytest.approx(used)


def test_files_that_vanish_or_hold_nonsense_count_as_unknown(files):
    files.write("proc/self/cgroup", "0::/a\nnonsense\n").write("cgroup/a/memory.pressure", PSI.format(9, 9))
    files.write("cgroup/a/memory.max", "1000").write("cgroup/a/memory.current", "900")
    files.write("proc/meminfo", MEMINFO.format(500)).write("proc/pressure/cpu", "some\n")
    machine = files.machine()
    assert machine.read() == Reading(memory_some=9.0, memory_full=9.0, memory_used=0.9)
    for name in ("cgroup/a/memory.pressure", "cgroup/a/memory.current"):
        (files.folder / name).unlink()
    files.write("proc/meminfo", "MemTotal: x\n\n\x00")
    assert machine.read() == Reading()


def test_the_machine_at_hand_can_be_read():
    reading = Machine().read()
    assert reading.memory_used is None or 0 <= reading.memory_used <= 1
