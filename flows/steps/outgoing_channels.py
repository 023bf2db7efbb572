"""How a message leaves: addresses are read by Apprise, which also carries everything but e-mail.

Mail is handed over here, because three things matter that Apprise keeps to itself: a Message-ID of our own that is the same at
every try, the moment from which a mail may have arrived, and what the mail server said. Nothing of an address is ever logged
or put into an error: it may hold a password.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import ZONE

if TYPE_CHECKING:
    from datetime import datetime

    from apprise.plugins.base import NotifyBase

HANG_S: Final = 20.0  # a mail server that does not answer for so long is away
_QUIETED: Final = ("apprise", "urllib3", "requests")  # they log addresses, tokens included


@dataclass(frozen=True)
class Message:
    """What is sent. key: the same at every try, never that of another message. html: for mail."""

    key: str
    title: str
    text: str
    html: str
    at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: sent, failed (it did not arrive) or unclear (it may have). error: why, in Vietnamese."""

    state: str
    error: str | None = None


def problem_of(url: str) -> str | None:
    """Return what is wrong with an address, None when it can be used. The text never quotes the address."""
    with _silence():
        found = _plugin(url)
    if found is None:
        return "địa chỉ không đúng mẫu; xem các mẫu trong deployments/alerts.example.yaml"
    if len(found) > 1:
        return "một địa chỉ có nhiều người nhận; ghi mỗi người một dòng trong urls"
    if _is_mail(found) and getattr(found, "pgp_mode", "no") != "no":
        return "thư mã hóa PGP chưa dùng được; bỏ pgp khỏi địa chỉ"
    return None


def hand_over(url: str, message: Message, about_to: Callable[[], None]) -> Outcome:
    """Send a message to one address.

    about_to: called when the message is going to leave, after everything that can fail without consequence.
    """
    with _silence():
        plugin = _plugin(url)
        if plugin is None:
            return Outcome("failed", "địa chỉ không đúng mẫu")
        if _is_mail(plugin):
            return _mail(plugin, message, about_to)
        about_to()
        return _notify(plugin, message)


def _notify(plugin: NotifyBase, message: Message) -> Outcome:
    """Send by Apprise. It only says yes or no, so that an answer that was lost counts as no."""
    import apprise

    headers = getattr(plugin, "headers", None)
    if isinstance(headers, dict):  # webhooks: who gets a message twice can tell by this
        headers["Idempotency-Key"] = message.key
    carrier = apprise.Apprise(asset=_asset())
    carrier.add(plugin)
    text = shortened(message.text, plugin.body_maxlen - len(message.title) - 2)
    sent = carrier.notify(body=text, title=message.title, body_format=apprise.NotifyFormat.TEXT)
    return Outcome("sent") if sent else Outcome("failed", f"kênh {plugin.service_name} không nhận tin")


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, cut between two lines and saying so."""
    if len(text) <= most:
        return text
    end = "\n… (tin dài, phần còn lại xem trên máy)"
    room = max(most - len(end), 0)
    line = text.rfind("\n", 0, room + 1)
    return text[: line if line > 0 else room] + end


def _mail(plugin: Any, message: Message, about_to: Callable[[], None]) -> Outcome:
    """Hand a mail to its server."""
    leaving = False

    def leave() -> None:
        nonlocal leaving
        about_to()
        leaving = True

    try:
        with _server(plugin, leave) as server:
            mail = _composed(plugin, message)
            everybody = [address for _, address in plugin.targets] + [*plugin.cc, *plugin.bcc]
            server.send_message(mail, plugin.from_addr[1], everybody)
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as refusal:
        return Outcome("failed", _refusal(refusal))
    except (OSError, smtplib.SMTPException) as failure:
        if leaving:
            return Outcome("unclear", "mất kết nối khi đang gửi, không rõ thư đã tới chưa")
        return Outcome("failed", _unreachable(failure))
    except ValueError:  # of a header: nothing has left yet
        return Outcome("failed", "địa chỉ có ký tự mà thư điện tử không dùng được")
    return Outcome("sent")


def _composed(plugin: Any, message: Message) -> EmailMessage:
    """Return the mail: plain text and HTML of the same words."""
    mail = EmailMessage()
    name, address = plugin.from_addr
    mail["Subject"] = message.title
    mail["From"] = formataddr((name or "", address))
    mail["To"] = ", ".join(formataddr((who or "", to)) for who, to in plugin.targets)
    if plugin.cc:
        mail["Cc"] = ", ".join(sorted(plugin.cc))
    if plugin.reply_to:
        mail["Reply-To"] = ", ".join(sorted(plugin.reply_to))
    mail["Date"] = format_datetime(message.at.astimezone(ZONE))
    mail["Message-ID"] = f"<{message.key}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no holiday notice answers it
    for header, value in plugin.headers.items():
        if header not in mail:
            mail[header] = value
    mail.set_content(message.text, cte="base64")
    mail.add_alternative(message.html, subtype="html", cte="base64")
    return mail


class _Leaving:
    """A mail server that tells before the mail itself goes out."""

    leave: Callable[[], None]

    def data(self, msg: Any) -> Any:
        self.leave()
        return super().data(msg)  # type: ignore[misc]


class _Plain(_Leaving, smtplib.SMTP):
    pass


class _Secure(_Leaving, smtplib.SMTP_SSL):
    pass


@contextmanager
def _server(plugin: Any, leave: Callable[[], None]) -> Iterator[smtplib.SMTP]:
    """Open the mail server of an address and log in. A farewell that fails changes nothing about what was accepted."""
    context = ssl.create_default_context()
    if not plugin.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if plugin.secure_mode == "ssl":
        server: smtplib.SMTP = _Secure(plugin.smtp_host, plugin.port, timeout=HANG_S, context=context)
    else:
        server = _Plain(plugin.smtp_host, plugin.port, timeout=HANG_S)
    server.leave = leave  # type: ignore[attr-defined]
    try:
        if plugin.secure_mode == "starttls":
            server.starttls(context=context)
        if plugin.user and plugin.password:
            server.login(plugin.user, plugin.password)
        yield server
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


def _refusal(refusal: smtplib.SMTPException) -> str:
    """Say what the server answered by its number; its own words may quote an address."""
    if isinstance(refusal, smtplib.SMTPAuthenticationError):
        return "máy chủ thư không nhận tên đăng nhập hoặc mật khẩu"
    if isinstance(refusal, smtplib.SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _ in refusal.recipients.values()})
        return f"máy chủ thư không nhận địa chỉ người nhận (mã {', '.join(codes)})"
    if isinstance(refusal, smtplib.SMTPSenderRefused):
        return f"máy chủ thư không nhận địa chỉ người gửi (mã {refusal.smtp_code})"
    if isinstance(refusal, smtplib.SMTPResponseException):
        return f"máy chủ thư từ chối thư (mã {refusal.smtp_code})"
    return "máy chủ thư không có kiểu kết nối mã hóa hoặc đăng nhập mà địa chỉ đòi"


def _unreachable(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLError):
        return "không lập được kết nối mã hóa với máy chủ thư; kiểm tra chứng chỉ và kiểu kết nối"
    if isinstance(failure, socket.gaierror):
        return "không tìm thấy máy chủ thư; kiểm tra tên máy chủ và mạng"
    if isinstance(failure, ConnectionRefusedError):
        return "máy chủ thư không mở cổng; kiểm tra máy chủ và số cổng"
    if isinstance(failure, (TimeoutError, smtplib.SMTPServerDisconnected)):
        return "máy chủ thư không trả lời"
    return "không kết nối được với máy chủ thư"


def _plugin(url: str) -> NotifyBase | None:
    import apprise

    try:
        found: NotifyBase | None = apprise.Apprise.instantiate(url, asset=_asset())
    except Exception:  # a text that is no address may break its reader anywhere; what it says may quote the text
        return None
    return found


def _is_mail(plugin: NotifyBase) -> bool:
    from apprise.plugins.email import NotifyEmail

    return isinstance(plugin, NotifyEmail)


@lru_cache(maxsize=1)
def _asset() -> Any:
    """Return who we are to Apprise: nothing is kept on disk, nothing runs beside us, no picture is fetched from its makers."""
    import apprise

    return apprise.AppriseAsset(
        app_id="cchc", app_desc="Chỉ số cải cách hành chính", app_url="", image_url_mask="", image_url_logo="",
        secure_logging=True, async_mode=False, storage_mode="memory", timezone="Asia/Ho_Chi_Minh",
    )  # fmt: skip


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the libraries' logs shut while they hold an address, however loud this process was asked to be."""
    loggers = [logging.getLogger(name) for name in _QUIETED]
    loggers += [each for name, each in logging.root.manager.loggerDict.items()
                if isinstance(each, logging.Logger) and name.startswith(tuple(f"{q}." for q in _QUIETED))]  # fmt: skip
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
