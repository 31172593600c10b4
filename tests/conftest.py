"""One server for most tests, with two accounts; each test has buckets of its own."""

import itertools
import os

import pytest

from harness import Server, binary

_numbers = itertools.count()


def pytest_configure():
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"{binary()} is missing; build it with: cargo build -p strongroom", returncode=2)


def pytest_sessionfinish(session):
    """In CI what cannot run has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == 0:
        reporter.write_line(f"\n{len(skipped)} tests were skipped; with CI=true none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def mode():
    return os.environ.get("STRONGROOM_TEST_MODE", "full")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server")).start()
    yield running
    if running.process is not None:
        assert running.stop() == 0


@pytest.fixture(scope="session")
def alice(server):
    """The management account's root."""
    return server.root


@pytest.fixture(scope="session")
def bob(server):
    """The root of another account."""
    return server.create_account("bob@example.com")


@pytest.fixture(scope="session")
def s3(server, alice):
    return server.client(alice)


@pytest.fixture(scope="session")
def s3_virtual(server, alice):
    return server.client(alice, style="virtual")


@pytest.fixture(scope="session")
def s3_bob(server, bob):
    return server.client(bob)


@pytest.fixture(scope="session")
def s3_plain(server, alice):
    return server.client(alice, plaintext=True)


@pytest.fixture
def name():
    """Names of buckets that nothing else uses."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def fresh(tmp_path):
    """Makes servers that a test may kill and damage."""
    made = []

    def make(**options):
        made.append(Server(tmp_path / f"server-{len(made)}", **options))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None:
            each.kill()
