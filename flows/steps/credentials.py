"""The logins of inboxes elsewhere: from variables of the environment, or from a block that Prefect keeps.

Blocks are asked for by Prefect's REST API, as everything is that is not a flow (`flows.steps.prefect_api`): no Prefect is
imported, none is started. A value is given to the server it is for and to nobody else: it is never shown, logged or stored.
"""

from __future__ import annotations

import os
from typing import Any, Final

from flows.steps.prefect_api import PrefectAway, api_url, call
from sources.remote_errors import RemoteError
from sources.remote_settings import SECRETS, Inbox

#: What blocks of other makers call our words.
_ALSO: Final = {
    "aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_session_token": "token", "access_key": "key",
    "secret_key": "secret", "user": "username", "login": "username",
}  # fmt: skip
#: The word a block with a single value (type «secret») stands for.
_SINGLE: Final = {"sftp": "password", "smb": "password", "https": "token", "s3": "secret"}


def credentials_of(inbox: Inbox) -> dict[str, str]:
    """Return the login of an inbox by the words of `remote_settings.SECRETS`. Raises: RemoteError naming what is missing."""
    if "env" in inbox.credentials:
        return {word: _variable(variable) for word, variable in inbox.credentials["env"].items()}
    if "block" in inbox.credentials:
        return _block(inbox, inbox.credentials["block"])
    return {}


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        text = f"Chưa đặt biến môi trường {name} mà «credentials» cần; hãy đặt biến rồi khởi động lại."
        raise RemoteError("no_credentials", text)
    return value


def _block(inbox: Inbox, wanted: str) -> dict[str, str]:
    """Return the words of a block «type/name»."""
    kind, _, name = wanted.partition("/")
    url = api_url()
    if url is None:
        text = f"Khối {wanted} nằm trong Prefect nhưng chưa đặt PREFECT_API_URL; hãy đặt biến này hoặc dùng «env»."
        raise RemoteError("no_credentials", text)
    try:
        found = call(url, f"/block_types/slug/{kind}/block_documents/name/{name}?include_secrets=true")
    except PrefectAway as problem:
        text = "Prefect không trả lời nên không lấy được mật khẩu; hãy xem «cchc doctor»."
        if str(problem) == "HTTP 404":
            text = f"Không có khối {wanted} trong Prefect; hãy tạo khối hoặc sửa tên."
        raise RemoteError("no_credentials", text) from None
    words = _words(inbox, found.get("data") if isinstance(found, dict) else None)
    if not words:
        allowed = ", ".join(SECRETS[inbox.scheme])
        raise RemoteError("no_credentials", f"Khối {wanted} không có giá trị nào dùng được cho {inbox.scheme}:// ({allowed}).")
    return words


def _words(inbox: Inbox, data: Any) -> dict[str, str]:
    if isinstance(data, dict) and set(data) == {"value"}:
        data = data["value"]
    if isinstance(data, str):
        return {_SINGLE[inbox.scheme]: data} if inbox.scheme in _SINGLE else {}
    if not isinstance(data, dict):
        return {}
    named = {_ALSO.get(word, word): value for word, value in data.items() if isinstance(value, str) and value}
    return {word: value for word, value in named.items() if word in SECRETS[inbox.scheme]}
