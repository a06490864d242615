"""A notebook run as a test also counts the programs it compiles, and is held to its limit in tests/tools/programs.py."""

import programs
import pytest
from nbval.plugin import IPyNbFile


class Programs(pytest.Item):
    """A last test of each notebook: no more programs than its limit."""

    def runtest(self):
        name, client = self.path.stem, self.parent.kernel.kc
        count, limit = len(programs.programs(client)), programs.LIMITS[name]
        if count > limit:
            remedy = f"`python tests/tools/programs.py --cells {name}` says which"
            pytest.fail(f"{name} compiles {count} programs, more than its limit of {limit}; {remedy}", pytrace=False)

    def reportinfo(self):
        return self.path, None, f"{self.path.name}: programs compiled"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if isinstance(collector, IPyNbFile) and report.passed:
        report.result.append(Programs.from_parent(collector, name="programs"))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    started = getattr(item.parent, "kernel", None)
    yield
    if isinstance(item.parent, IPyNbFile) and started is None:
        programs.watch(item.parent.kernel.kc)
