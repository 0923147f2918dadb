"""What every test shares: the backend and the thread count are left as they were found."""

from collections.abc import Iterator

import pytest

import fastscratch as fs


@pytest.fixture(autouse=True)
def _settings_restored() -> Iterator[None]:
    backend, isa, threads = fs.backend.name(), fs.backend.get_isa(), fs.get_num_threads()
    yield
    fs.backend.use(backend, isa=isa)
    fs.set_num_threads(threads)


needs_extension = pytest.mark.skipif("c" not in fs.backend.available(), reason="the C extension is not built")
