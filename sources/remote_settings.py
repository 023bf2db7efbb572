"""The settings of inboxes elsewhere, `inboxes.yaml` of a home: read, checked, every mistake named with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from sources.contract_yaml import ContractError, Mapping, read_mapping
from sources.remote_errors import RemoteError

FILE_NAME: Final = "inboxes.yaml"
KEYS: Final = (
    "name", "url", "pattern", "unit", "contract", "credentials", "after", "recursive", "settle_seconds", "max_mb", "options",
    "enabled",
)  # fmt: skip
SCHEMES: Final = ("file", "sftp", "smb", "s3", "https", "http")
#: What each kind of server takes besides the address: words of the login, and options.
SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "file": (), "sftp": ("username", "password", "private_key", "passphrase"), "smb": ("username", "password"),
    "s3": ("key", "secret", "token"), "https": ("username", "password", "token"), "http": (),
}  # fmt: skip
OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "file": (), "sftp": ("host_key", "known_hosts", "key_file"), "smb": ("encrypt",), "s3": ("endpoint_url", "region", "anon"),
    "https": ("index", "ca"), "http": ("index",),
}  # fmt: skip
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Inbox:
    """One inbox elsewhere. credentials: {} or {"env": {word: variable}} or {"block": "type/name"}; never a secret itself.

    after: "keep", "delete" or "move:FOLDER". settle_seconds: how long a file must stand still before it is fetched.
    """

    name: str
    url: str
    patterns: tuple[str, ...] = ("*",)
    unit: str | None = None
    contract: str | None = None
    credentials: dict[str, Any] = field(default_factory=dict)
    after: str = "keep"
    recursive: bool = False
    settle_seconds: float = 5.0
    max_bytes: int = 200 * 1024**2
    options: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    line: int = 1

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def scheme(self) -> str:
        return self.parts.scheme

    @property
    def folder(self) -> str:
        """The path in the address, decoded (as it is for S3, where «%» may stand in a key)."""
        return self.parts.path if self.scheme == "s3" else unquote(self.parts.path)

    @property
    def shown(self) -> str:
        """The address as it may be shown: without a query, which may hold a key."""
        return self.url.partition("?")[0]


def read_inboxes(path: Path) -> list[Inbox]:
    """Return the inboxes of a settings file in its order; none when there is no file. Raises: RemoteError("bad_inboxes")."""
    if not path.exists():
        return []
    try:
        _, top = read_mapping(path)
        top.only(("inboxes",))
        entries = top.get("inboxes") or []
        if not isinstance(entries, list):
            raise top.error("inboxes", "«inboxes» phải là danh sách, mỗi hộp thư bắt đầu bằng «- name: …»")
        found: dict[str, Inbox] = {}
        for entry in entries:
            if not isinstance(entry, Mapping):
                raise top.error("inboxes", "mỗi hộp thư phải là các dòng «mục: giá trị», bắt đầu bằng «- name: …»")
            inbox = _inbox(entry)
            if inbox.name in found:
                raise entry.error("name", f"tên «{inbox.name}» đã dùng cho hộp thư khác; hãy đặt tên khác")
            found[inbox.name] = inbox
    except ContractError as error:
        text = str(error).replace("trong hợp đồng", "ở đây").replace("một hợp đồng", "tệp này").replace("hợp đồng", "tệp này")
        raise RemoteError("bad_inboxes", text) from None
    return list(found.values())


def _inbox(entry: Mapping) -> Inbox:
    entry.only(KEYS)
    name = _text(entry, "name")
    if not name or not _NAME.fullmatch(name):
        raise entry.error("name", "«name» chỉ gồm chữ thường không dấu, số, «-» và «_», ví dụ «mot-cua»")
    parts = _address(entry)
    options = _words(entry, "options", OPTIONS[parts.scheme], parts.scheme)
    if "endpoint_url" in options and not _is_secret_on_its_way(str(options["endpoint_url"])):
        raise entry.error("options", "«endpoint_url» phải bắt đầu bằng https:// (http:// không che nội dung trên đường truyền)")
    inbox = Inbox(
        name=name, url=str(entry["url"]), patterns=_patterns(entry), unit=_text(entry, "unit"), contract=_text(entry, "contract"),
        credentials=_credentials(entry, parts.scheme), after=_after(entry, parts.scheme), recursive=entry.boolean("recursive"),
        settle_seconds=_number(entry, "settle_seconds", 5, 2, 3600),
        max_bytes=int(_number(entry, "max_mb", 200, 1, 4096) * 1024**2),
        options=options, enabled=entry.boolean("enabled") if "enabled" in entry else True, line=entry.line,
    )  # fmt: skip
    if inbox.recursive and parts.scheme in ("http", "https"):
        raise entry.error("recursive", "trang web không đọc được thư mục con; hãy bỏ «recursive», ghi mỗi trang một hộp thư")
    return inbox


def _address(entry: Mapping) -> SplitResult:
    """Return the parts of the address. Raises: ContractError."""
    url = _text(entry, "url")
    try:
        parts = urlsplit(url or "")
        port = parts.port
    except ValueError:
        raise entry.error("url", "«url» sai; hãy viết như «sftp://tai-khoan@may-chu:22/thu-muc»") from None
    if parts.scheme not in SCHEMES:
        raise entry.error("url", "«url» phải bắt đầu bằng file://, sftp://, smb://, s3:// hoặc https://")
    if parts.password is not None:
        raise entry.error("url", "không ghi mật khẩu trong «url»; hãy dùng «credentials: {env: {password: TÊN_BIẾN}}»")
    if parts.username is not None and parts.scheme in ("s3", "http", "https", "file"):
        raise entry.error("url", "không ghi tài khoản trong «url»; hãy dùng «credentials»")
    if parts.scheme != "file" and not parts.hostname:
        raise entry.error("url", "«url» thiếu tên máy chủ" + (" (tên bucket)" if parts.scheme == "s3" else ""))
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise entry.error("url", "thư mục trên máy này viết đủ đường dẫn với ba dấu gạch: «file:///thu-muc»")
    if parts.fragment or (parts.query and parts.scheme not in ("http", "https")):
        raise entry.error("url", "«url» có dấu # hoặc ?; trong tên thư mục hãy viết %23 hoặc %3F")
    if parts.scheme == "smb" and not parts.path.strip("/"):
        raise entry.error("url", "«url» thiếu tên thư mục chia sẻ: «smb://may-chu/chia-se/thu-muc»")
    if parts.scheme == "http" and not _is_secret_on_its_way(url or ""):
        raise entry.error("url", "chỉ dùng https:// (http:// không che được nội dung trên đường truyền)")
    if (
        "\0" in unquote(parts.path)
        or ".." in unquote(parts.path).split("/")
        or (port is not None and parts.scheme in ("s3", "file"))
    ):
        raise entry.error("url", "«url» không dùng được; hãy viết đường dẫn đầy đủ, không có «..»")
    return parts


def _is_secret_on_its_way(url: str) -> bool:
    """Whether nobody on the way can read what a server sends: it comes encrypted, or never leaves this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _text(entry: Mapping, key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        if key in ("name", "url"):
            raise entry.error(key, f"thiếu mục «{key}»")
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise entry.error(key, f"«{key}» phải là một dòng chữ")
    return str(value).strip()


def _patterns(entry: Mapping) -> tuple[str, ...]:
    given = entry.get("pattern", "*")
    several = given if isinstance(given, list) else [given]
    if not several or not all(isinstance(pattern, str) and pattern for pattern in several):
        raise entry.error("pattern", "«pattern» là mẫu tên như «*.xlsx», hoặc danh sách mẫu")
    return tuple(several)


def _number(entry: Mapping, key: str, usual: float, least: float, most: float) -> float:
    value = entry.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise entry.error(key, f"«{key}» phải là số từ {least} đến {most}")
    return float(value)


def _words(entry: Mapping, key: str, allowed: tuple[str, ...], scheme: str) -> dict[str, Any]:
    """Return a mapping of single values with known names only. Raises: ContractError."""
    given = entry.get(key) or {}
    if not isinstance(given, dict):
        raise entry.error(key, f"«{key}» phải là các dòng «mục: giá trị»")
    for word, value in given.items():
        if word not in allowed:
            known = ", ".join(allowed) if allowed else "không có mục nào"
            raise entry.error(key, f"không hiểu «{word}» trong «{key}» của {scheme}://; dùng được: {known}")
        if not isinstance(value, (str, int, bool)):
            raise entry.error(key, f"«{word}» trong «{key}» phải là một giá trị")
    return dict(given)


def _credentials(entry: Mapping, scheme: str) -> dict[str, Any]:
    given = entry.get("credentials")
    if given is None:
        return {}
    if not isinstance(given, Mapping) or len(given) != 1 or next(iter(given)) not in ("env", "block"):
        raise entry.error("credentials", "«credentials» là «{env: {password: TÊN_BIẾN}}» hoặc «{block: loại/tên}»")
    if not SECRETS[scheme]:
        raise entry.error("credentials", f"{scheme}:// không dùng «credentials»; hãy bỏ mục này")
    if "block" in given:
        block = given["block"]
        if not isinstance(block, str) or not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", block):
            raise given.error("block", "«block» viết như «secret/mat-khau-mot-cua» (loại/tên của khối trong Prefect)")
        return {"block": block}
    words = _words(given, "env", SECRETS[scheme], scheme)
    for word, variable in words.items():
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            # The text is not repeated: somebody may have written the password itself.
            raise given.error("env", f"«{word}» phải là TÊN của biến môi trường (chữ, số, «_»), không phải chính mật khẩu")
    return {"env": words}


def _after(entry: Mapping, scheme: str) -> str:
    after = _text(entry, "after") or "keep"
    verb, _, folder = after.partition(":")
    folder = folder.strip().strip("/")
    if verb not in ("keep", "delete", "move") or (verb == "move") != bool(folder) or ".." in folder.split("/"):
        raise entry.error("after", "«after» là keep, delete hoặc «move:THƯ_MỤC» (thư mục con của hộp thư)")
    if verb != "keep" and scheme in ("http", "https"):
        raise entry.error("after", "trang web chỉ đọc được; hãy dùng «after: keep»")
    return f"move:{folder}" if verb == "move" else verb
