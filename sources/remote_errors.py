"""What can go wrong with an inbox elsewhere, as one Vietnamese sentence: what it is and what to do. Never an exception's text,
which may hold an address with a password."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final


class RemoteError(Exception):
    """A file or an inbox cannot be had. `code` is stable; `of_file`: only this file, the others can still be fetched."""

    def __init__(self, code: str, message: str, *, of_file: bool = False) -> None:
        super().__init__(message)
        self.code, self.of_file = code, of_file


class Changed(RemoteError):
    """The file is another one than the one that was looked at, or not ours to take now; it is looked at again later."""

    def __init__(self, message: str = "Tệp vừa đổi trong lúc tải; sẽ tải lại khi tệp đứng yên.") -> None:
        super().__init__("changing", message, of_file=True)


#: (names of exception classes, code, sentence). The first that fits counts; names, so that no library is loaded for it.
_KNOWN: Final[tuple[tuple[frozenset[str], str, str], ...]] = (
    (
        frozenset({"BadHostKeyException"}), "host_key_changed",
        "Máy chủ trình khóa khác khóa đã biết: có thể bị giả mạo. Hãy hỏi quản trị máy chủ rồi mới sửa khóa.",
    ),
    (
        frozenset({"AuthenticationException", "LogonFailure", "SMBAuthenticationError", "NoCredentialsError", "AccessDenied"}),
        "login_refused", "Máy chủ không nhận tài khoản; hãy kiểm tra tên, mật khẩu hoặc khóa ở mục credentials.",
    ),
    (
        frozenset({"ClientConnectorCertificateError", "SSLCertVerificationError", "CertificateError"}), "bad_certificate",
        "Chứng thư của máy chủ không tin được; hãy báo quản trị máy chủ, hoặc ghi chứng thư gốc của đơn vị vào options.ca.",
    ),
    (
        frozenset({"gaierror", "ClientConnectorDNSError"}), "unknown_host",
        "Không tìm thấy máy chủ này; hãy kiểm tra tên máy trong url và mạng.",
    ),
    (
        frozenset({"SharingViolation"}), "in_use", "Tệp đang được phần mềm khác ghi; sẽ tải khi ghi xong.",
    ),
    (
        frozenset({"TimeoutError", "FSTimeoutError", "ConnectTimeoutError", "ReadTimeoutError", "IOTimeout"}), "no_answer",
        "Máy chủ không trả lời; hãy kiểm tra máy chủ và đường mạng. Lần sau sẽ tự thử lại.",
    ),
    (
        frozenset({"ConnectionRefusedError", "NoValidConnectionsError", "EndpointConnectionError", "ClientConnectorError"}),
        "not_reachable",
        "Không nối được tới máy chủ; hãy kiểm tra máy chủ có chạy, số cổng và tường lửa. Lần sau sẽ tự thử lại.",
    ),
    (
        frozenset({
            "ConnectionError", "EOFError", "ClientPayloadError", "ServerDisconnectedError", "SSHException", "IncompleteReadError",
            "ResponseStreamingError", "SMBConnectionClosed", "ClientOSError", "ConnectionClosedError",
        }), "cut",
        "Kết nối bị đứt; phần đã nhận được giữ lại, lần sau tải tiếp. Nếu cứ lặp lại, hãy kiểm tra số cổng và đường mạng.",
    ),
    (
        frozenset({"PermissionError", "SFTPPermissionDenied"}), "no_permission",
        "Máy chủ không cho phép; hãy xin quyền đọc (và quyền xóa, chuyển nếu dùng after) cho tài khoản này.",
    ),
    (
        frozenset({"FileNotFoundError", "NotADirectoryError", "BadNetworkName", "ObjectNameNotFound", "ObjectPathNotFound"}),
        "not_there", "Không có thư mục hoặc tệp này trên máy chủ; hãy kiểm tra đường dẫn trong url.",
    ),
    (
        frozenset({"UnicodeDecodeError"}), "bad_name",
        "Thư mục có tệp mang tên không phải UTF-8 nên không đọc được danh sách; hãy đổi tên tệp đó trên máy chủ.",
    ),
)  # fmt: skip
_OF_STATUS: Final = {401: "AuthenticationException", 403: "PermissionError", 404: "FileNotFoundError", 412: "FileExpired"}
_OF_FILE: Final = frozenset({"in_use"})
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain(error: BaseException, *, of_file: bool = False) -> RemoteError:
    """Return the sentence for what a library raised. of_file: a missing file or right is that of one file."""
    if isinstance(error, RemoteError):
        return error
    names = set(_names(error))
    if type(error) is OSError and str(error) == "Socket is closed":  # paramiko's word for a connection that is gone
        names.add("ConnectionError")
    if isinstance(error, OSError) and error.errno == errno.EROFS:  # a folder that is mounted, or allowed, for reading only
        names.add("PermissionError")
    if "FileExpired" in names:
        return Changed()
    for kinds, code, sentence in _KNOWN:
        if kinds & names:
            single = code in _OF_FILE or (of_file and code in ("not_there", "no_permission"))
            return RemoteError(code, sentence, of_file=single)
    return RemoteError(
        "remote_failed",
        f"Không đọc được từ máy chủ ({type(error).__name__}); hãy thử «cchc pull --check», rồi hỏi quản trị máy chủ.",
    )


def of_disk(error: OSError) -> RemoteError:
    """Return the sentence for what this machine's own disk refused."""
    if error.errno in _NO_SPACE:
        return RemoteError("disk_full", "Ổ đĩa của máy này đã đầy; hãy giải phóng chỗ rồi chạy lại.")
    return RemoteError(
        "local_write", "Không ghi được vào hộp thư nội bộ của máy này; hãy kiểm tra quyền ghi và ổ đĩa rồi chạy lại."
    )


def _names(error: BaseException | None) -> Iterator[str]:
    """The class names of an exception and of what it came from; what a web or S3 server's status means."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield from (kind.__name__ for kind in type(error).__mro__ if kind not in (object, BaseException, Exception, OSError))
        status = getattr(error, "status", None)
        response = getattr(error, "response", None)
        if isinstance(response, dict):  # botocore's ClientError
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(status, int) and status in _OF_STATUS:
            yield _OF_STATUS[status]
        elif isinstance(status, int) and status >= 500:
            yield "TimeoutError"
        error = error.__cause__ or error.__context__
