"""A file on a web server, or the files that a page of links (or a list of names) leads to. Read only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from sources.remote import CONNECT_S, SILENCE_S, Remote, Server, speaking
from sources.remote_errors import RemoteError
from sources.remote_names import clean

#: Questions asked of a server at a time.
BESIDE: Final = 4
_OF_ONE_FILE: Final = (403, 404, 410)
#: Bytes taken at a time: what the library holds when a transfer is cut is lost.
PIECE: Final = 1 << 16
_LARGEST_PAGE: Final = 8 * 1024**2
_AS_IT_IS: Final = "/%:@!$&'()*+,;=~?"


class Web(Server):
    """One file, or a page of links when the address ends with «/» or options.index says so."""

    fs: Any

    @property
    def names_only(self) -> bool:  # type: ignore[override]
        return self.is_page

    @property
    def address(self) -> str:
        return _quoted(self.inbox.url)

    @property
    def is_page(self) -> bool:
        return bool(self.inbox.options.get("index", self.inbox.parts.path.endswith("/")))

    def _open(self) -> None:
        import aiohttp
        from fsspec.implementations.http import HTTPFileSystem

        headers = {"Accept-Encoding": "identity"}  # sizes and ranges speak of the file, not of what it is packed into
        secrets = self._secrets
        if "token" in secrets:
            headers["Authorization"] = f"Bearer {secrets['token']}"
        elif "username" in secrets:
            headers["Authorization"] = aiohttp.BasicAuth(secrets["username"], secrets.get("password", ""), "utf-8").encode()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        more: dict[str, Any] = {}
        if authority := self.inbox.options.get("ca"):
            try:
                more["ssl"] = ssl.create_default_context(cafile=str(self.home / str(authority)))
            except (OSError, ssl.SSLError):
                text = "Không đọc được chứng thư gốc ghi ở options.ca; hãy kiểm tra tệp (dạng PEM)."
                raise RemoteError("bad_ca", text) from None
        session = {"headers": headers, "timeout": timeout, "trust_env": self.inbox.scheme == "https"}
        self.fs = HTTPFileSystem(client_kwargs=session, encoded=True, skip_instance_cache=True, **more)

    def close(self) -> None:
        session, self.fs._session = self.fs._session, None
        if session is not None:
            from fsspec.asyn import sync

            with suppress(Exception):
                sync(self.fs.loop, session.close, timeout=5)

    def _list(self, known: Collection[str]) -> Iterator[Remote]:
        if not self.is_page:
            yield self._asked([self.address])[0]
            return
        links = [link for link in self._links() if self._path(link) not in known]
        yield from self._asked(links, of_page=True)

    def _links(self) -> list[str]:
        """Return the addresses of files on the page that lie on the same server and are asked for."""
        from sources.remote import is_wanted

        page = self.fs.cat_file(self.address)
        if len(page) > _LARGEST_PAGE:
            raise RemoteError("too_many", "Trang danh sách quá lớn; hãy trỏ «url» vào trang chỉ gồm các tệp cần lấy.")
        text = page.decode("utf-8-sig", "replace")  # Windows marks its texts
        if "<" in text:
            reader = _Links()
            reader.feed(text)
            names = reader.found
        else:
            names = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        here = self.inbox.parts
        found = {}
        for name in names:
            with suppress(ValueError):
                link = _quoted(urljoin(self.address, name))
                parts = urlsplit(link)
                same = (
                    (parts.scheme, parts.netloc) == (here.scheme, here.netloc)
                    and not parts.query
                    and not parts.path.endswith("/")
                )
                if same and parts.path != here.path and is_wanted(self.inbox, self._path(link)):
                    found[link.partition("#")[0]] = None
        return list(found)

    def _path(self, link: str) -> str:
        path, folder = unquote(urlsplit(link).path), self.inbox.folder.rpartition("/")[0] + "/"
        return clean(path.removeprefix(folder).lstrip("/")) or "tep"

    def _asked(self, links: list[str], *, of_page: bool = False) -> list[Remote]:
        """Return what the server says of files, several asked at a time.

        of_page: a link that leads nowhere, or to what cannot be told apart, is a file of which nothing is known: fetching it
        fails, and no other.
        """
        from aiohttp import ClientResponseError
        from fsspec.asyn import sync

        async def ask() -> list[Remote]:
            gate = asyncio.Semaphore(BESIDE)

            async def one(link: str) -> Remote:
                async with gate:
                    try:
                        return await self._head(link)
                    except (ClientResponseError, RemoteError) as problem:
                        single = problem.of_file if isinstance(problem, RemoteError) else problem.status in _OF_ONE_FILE
                        if not of_page or not single:
                            raise
                        return Remote(self._path(link), link, None)

            return list(await asyncio.gather(*map(one, links)))

        return list(sync(self.fs.loop, ask))

    async def _head(self, link: str) -> Remote:
        session = await self.fs.set_session()
        async with session.head(self.fs.encode_url(link), allow_redirects=True, **self.fs.kwargs) as answer:
            if answer.status not in (405, 501):
                return self._said(link, answer)
        async with session.get(self.fs.encode_url(link), **self.fs.kwargs) as answer:
            return self._said(link, answer)

    def _said(self, link: str, answer: Any) -> Remote:
        self._secure(answer)
        answer.raise_for_status()
        size = answer.headers.get("Content-Length", "")
        modified = None
        with suppress(TypeError, ValueError):
            modified = parsedate_to_datetime(answer.headers.get("Last-Modified")).timestamp()
        tag = answer.headers.get("ETag")
        if not size.isdigit() and modified is None and not tag:
            text = "Máy chủ không cho biết cỡ, ngày hay ETag của tệp nên không biết tệp có đổi hay không; hãy dùng cách lấy khác."
            raise RemoteError("no_version", text, of_file=True)
        return Remote(self._path(link), link, int(size) if size.isdigit() else None, modified, tag)

    def _secure(self, answer: Any) -> None:
        """Refuse to be led from https to where everybody can read."""
        if self.inbox.scheme == "https" and answer.url.scheme != "https":
            text = "Máy chủ chuyển sang địa chỉ http:// không mã hóa; hãy báo quản trị máy chủ."
            raise RemoteError("insecure", text, of_file=True)

    def _look(self, file: Remote) -> Remote:
        return self._asked([file.key])[0]

    @contextmanager
    def read(self, file: Remote, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        strong = file.tag if file.tag and not file.tag.startswith("W/") else None
        headers = {"Range": f"bytes={start}-", "If-Range": strong} if start and strong else {}
        with speaking(of_file=True):
            stream = self.fs.open(file.key, "rb", block_size=0, size=file.size or 1, headers=headers)
        try:
            with speaking(of_file=True):
                self._secure(stream.r)
                stream.r.raise_for_status()
                _has_an_end(file, stream.r.headers)
            begins = stream.r.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            yield (start if stream.r.status == 206 and begins else 0), iter(lambda: stream.read(PIECE), b"")
        finally:
            stream.close()


def _has_an_end(file: Remote, headers: Any) -> None:
    """Refuse an answer that ends when the connection does: a file that was cut would look whole."""
    chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    if file.size is None and "Content-Length" not in headers and not chunked:
        text = "Máy chủ không cho biết độ dài của tệp nên không biết đã nhận đủ hay chưa; hãy dùng cách lấy khác."
        raise RemoteError("no_length", text, of_file=True)


def _quoted(url: str) -> str:
    """Return an address with the letters that may not stand in one written as %XX; what is written so already stays."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path, _AS_IT_IS), query=quote(parts.query, _AS_IT_IS)))


class _Links(HTMLParser):
    """The links of a page, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]
