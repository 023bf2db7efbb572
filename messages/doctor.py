"""`cchc doctor` in words: what each check looked at, what it found, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from messages.fmt import count, day, moment, number
from messages.running import HERE, parts_named

STATES: Final[Mapping[str, str]] = {"ok": "đạt", "warn": "lưu ý", "fail": "hỏng"}
LABELS: Final[Mapping[str, str]] = {
    "python": "Python và thư viện",
    "home": "Thư mục cài đặt",
    "disk": "Chỗ trống trên đĩa",
    "clock": "Đồng hồ",
    "database": "Cơ sở dữ liệu",
    "night": "Đêm gần nhất",
    "parts": "Các phần của «cchc up»",
    "prefect": "Lịch chạy (Prefect)",
    "events": "Sự kiện chờ báo",
    "inbox": "Hộp thư",
    "rejected": "Tệp bị từ chối",
    "messages": "Thư cảnh báo",
    "alert_settings": "Cấu hình cảnh báo",
    "inboxes": "Cấu hình hộp thư từ xa",
    "snapshots": "Bản lưu của các tệp",
    "integrity": "Số liệu trong cơ sở dữ liệu",
    "audit": "Nhật ký công việc",
}
#: What happens when a package is not of the version that was tested.
PINS: Final[Mapping[str, str]] = {
    "no_schedule": "Prefect sẽ không lập lịch chạy đêm",
    "no_server": "máy chủ Prefect sẽ không khởi động",
    "other_database": "dữ liệu cũ có thể không mở được",
    "untested": "chưa được thử với phần mềm này",
}
_SETUP: Final = "Chạy lại «make setup» để cài đúng các phiên bản trong requirements.lock."


def _pins(values: Mapping[str, Any]) -> tuple[str, str]:
    wrong = [f"{name} {found or 'chưa cài'} (cần {allowed}: {PINS[why]})" for name, found, allowed, why in values["broken"]]
    return f"Thư viện sai phiên bản: {'; '.join(wrong)}.", _SETUP


def _missed(values: Mapping[str, Any]) -> tuple[str, str]:
    nights = values["nights"]
    shown = ", ".join(day(night) for night in nights[:3]) + (" …" if len(nights) > 3 else "")
    return f"Lỡ {count(len(nights))} đêm: {shown}.", "Chạy «cchc up» để chạy bù, hoặc chạy «cchc nightly» ngay bây giờ."


def _snapshots_bad(values: Mapping[str, Any]) -> tuple[str, str]:
    missing, changed = values["missing"], values["changed"]
    said = [f"thiếu {count(len(missing))}"] if missing else []
    said += [f"{count(len(changed))} bị đổi nội dung"] if changed else []
    first = (missing + changed)[0][:12]
    text = f"Xem {count(values['count'])} bản lưu: {', '.join(said)}; bản đầu tiên có mã {first}."
    return text, "Khôi phục thư mục snapshots từ bản sao lưu gần nhất rồi chạy lại «cchc doctor»."


Text = tuple[str, str] | Callable[[Mapping[str, Any]], tuple[str, str]]
TEXTS: Final[Mapping[str, Text]] = {
    "not_checked": ("Chưa kiểm tra được vì cơ sở dữ liệu chưa dùng được.", ""),
    "too_slow": ("Kiểm tra quá {seconds:.0f} giây chưa xong.", "Máy có thể đang quá tải hoặc đĩa hỏng; hãy chạy lại sau ít phút."),
    "broken_check": ("Không kiểm tra được ({kind}).", "Hãy gửi kết quả này cho người hỗ trợ phần mềm."),
    "said": lambda values: (str(values["message"]), str(values["remedy"])),
    "old_python": ("Đang dùng Python {found}, cần từ {needed} trở lên.", "Cài Python mới hơn rồi chạy lại «make setup»."),
    "pins": _pins,
    "python": ("Python {found}; {pins} thư viện quan trọng đúng phiên bản.", ""),
    "no_home": ("Chưa có thư mục {home}.", "Lệnh đầu tiên, ví dụ «cchc up», sẽ tạo nó; nếu đã cài ở nơi khác, hãy đặt CCHC_HOME."),
    "home_closed": ("Không đọc và ghi được {home}.", "Cấp quyền cho người đang chạy, hoặc đặt CCHC_HOME sang thư mục khác."),
    "secrets_open": ("Tệp mật khẩu {path} đang mở cho người khác đọc.", "Chạy «chmod 600 {path}»."),
    "data_open": ("Thư mục dữ liệu {path} đang mở cho người khác.", "Chạy «chmod 700 {path}»."),
    "home": ("{home}; mật khẩu và dữ liệu chỉ chủ cài đặt đọc được.", ""),
    "disk_full": lambda v: (_free(v), "Dọn đĩa ngay: hết chỗ thì không nạp tệp và không chạy đêm được."),
    "disk_low": lambda v: (_free(v), "Dọn bớt đĩa hoặc chuyển cài đặt sang đĩa lớn hơn."),
    "disk": lambda v: (_free(v), ""),
    "clock_replaced": lambda v: (
        f"CCHC_CLOCK đang thay đồng hồ: phần mềm coi bây giờ là {moment(v['at'])}.",
        "Nếu không chủ ý chạy lại quá khứ, hãy bỏ biến CCHC_CLOCK.",
    ),
    "clock": lambda v: (f"Bây giờ là {moment(v['at'])}, giờ Việt Nam.", ""),
    "no_database": ("Chưa có cơ sở dữ liệu.", "Lệnh đầu tiên, ví dụ «cchc up», sẽ tạo nó."),
    "clocks_apart": (
        "Đồng hồ của máy này và của máy chủ cơ sở dữ liệu lệch nhau {seconds:.0f} giây.",
        "Bật đồng bộ giờ (NTP) trên cả hai máy.",
    ),
    "database": lambda v: (
        f"PostgreSQL {v['server']}{' đi kèm' if v['embedded'] else ''}, phiên bản dữ liệu {v['version']}, đúng với phần mềm.", "",
    ),
    "night_missed": _missed,
    "night_failed": lambda v: (
        f"Đêm gần nhất hỏng lúc {moment(v['at'])}.", "Chạy «cchc nightly» để xem lỗi; chi tiết ở logs/errors.log của thư mục cài đặt.",
    ),
    "no_night": (
        "Chưa chạy đêm nào.",
        "Nếu «cchc up» đang chạy thì đợi đến 01:00; nếu không, chạy «cchc up» hoặc đặt lịch cho «cchc nightly» lúc 01:00 mỗi đêm.",
    ),
    "night_old": lambda v: (f"Đêm gần nhất xong lúc {moment(v['at'])}, đã quá một ngày.", "Kiểm tra «cchc up» hoặc lịch chạy «cchc nightly»."),
    "night": lambda v: (f"Xong lúc {moment(v['at'])}.", ""),
    "not_up": ("«cchc up» không chạy.", "Chạy «cchc up»; nếu chỉ dùng lịch của hệ thống cho «cchc nightly» thì không cần."),
    "part_dead": lambda v: (
        f"Phần đã ngừng: {parts_named(v['parts'])}.",
        "«cchc up» tự khởi động lại sau vài phút; nếu vẫn vậy, dừng và chạy lại «cchc up», rồi xem thư mục logs.",
    ),
    "parts": lambda v: (f"Đang chạy: {parts_named(v['parts'])}.", ""),
    "no_prefect": ("Không dùng Prefect; đêm do «cchc up» hoặc lịch của hệ thống bắt đầu.", ""),
    "prefect_away": (
        "Máy chủ Prefect ở {url} chưa dùng được ({detail}).",
        "Chạy lại «cchc up» hoặc máy chủ Prefect; số liệu không mất, phần việc thiếu sẽ được làm bù.",
    ),
    "not_deployed": lambda v: (
        f"Prefect chưa có: {', '.join(v['names'])}.", "Chạy lại «cchc up», hoặc «python -m deployments.deploy --pool TÊN».",
    ),
    "paused": lambda v: (f"Đang bị tạm dừng trong Prefect: {', '.join(v['names'])}.", "Bật lại trong Prefect, hoặc chạy lại «cchc up»."),
    "no_schedule": (
        "Prefect chưa lập lịch cho đêm tới.",
        "Kiểm tra mục «Python và thư viện»; khởi động lại máy chủ Prefect và đợi một phút.",
    ),
    "schedule_soon": ("Vừa khởi động, Prefect chưa kịp lập lịch cho đêm tới.", "Đợi một phút rồi chạy lại «cchc doctor»."),
    "prefect": lambda v: (f"Prefect trả lời; đêm tới lúc {moment(v['at'].astimezone(HERE))}.", ""),
    "events": lambda v: (f"{count(v['count'])} sự kiện đang chờ, không có gì quá hạn.", ""),
    "events_wait": lambda v: (
        f"{count(v['count'])} sự kiện chưa báo cho Prefect; sự kiện cũ nhất đã chờ {count(v['minutes'])} phút.",
        "Kiểm tra «cchc up» và máy chủ Prefect; việc vẫn được làm bù theo giờ.",
    ),
    "no_inbox": ("Chưa có hộp thư {path}.", "Chạy «cchc up» hoặc «cchc nightly» để tạo."),
    "inbox_closed": ("Không đọc và ghi được hộp thư {path}.", "Cấp quyền đọc và ghi cho người chạy phần mềm."),
    "inbox_files_closed": ("{count} tệp trong hộp thư không đọc được, ví dụ «{name}».", "Cấp quyền đọc các tệp này."),
    "inbox": lambda v: (f"Đọc được {count(v['count'])} tệp.", ""),
    "rejected": ("{count} tệp bị từ chối trong 7 ngày qua.", "Chạy «cchc nightly» để xem lý do từng tệp, rồi xuất lại tệp đúng mẫu."),
    "none_rejected": ("Không có tệp nào bị từ chối trong 7 ngày qua.", ""),
    "messages_given_up": ("{count} thư không gửi được, hoặc không rõ đã tới chưa, trong 7 ngày qua.", "Chạy «cchc alerts test TÊN» để thử, rồi sửa địa chỉ trong alerts.yaml."),
    "messages_overdue": ("{count} thư đến hạn hơn một giờ chưa gửi.", "Kiểm tra «cchc up» và đường mạng; thư sẽ được gửi lại."),
    "messages": ("Không có thư nào bị kẹt.", ""),
    "alert_warnings": lambda v: (" ".join(v["warnings"]), "Sửa alerts.yaml như trên; thư vẫn được gửi theo phần còn lại."),
    "nobody_told": ("Chưa có người nhận cảnh báo nào.", "Khai báo người nhận trong alerts.yaml ở thư mục cài đặt."),
    "alert_settings": lambda v: (f"Hợp lệ; {count(v['count'])} người nhận.", ""),
    "inboxes_bad": ("{message}", "Sửa inboxes.yaml; đến lúc đó tệp từ các hộp thư này phải chờ."),
    "inboxes": lambda v: (f"Hợp lệ; {count(v['count'])} hộp thư từ xa." if v["count"] else "Không dùng hộp thư từ xa.", ""),
    "snapshots_bad": _snapshots_bad,
    "snapshots": lambda v: (f"Xem {count(v['count'])} bản lưu: đúng nội dung." if v["count"] else "Chưa nạp tệp nào.", ""),
    "integrity_broken": lambda v: (
        f"Số liệu trong cơ sở dữ liệu không còn khớp nhau: {', '.join(v['checks'])}.",
        "Không nạp thêm; khôi phục từ bản sao lưu gần nhất và báo người hỗ trợ phần mềm.",
    ),
    "integrity": ("Mọi phép đối chiếu đều khớp.", ""),
}  # fmt: skip


def _free(values: Mapping[str, Any]) -> str:
    return f"Còn {number(values['gib'], 1)} GiB ở {values['place']}."


def told(text: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Return (what was found, what to do or "") for a finding of `flows.steps.doctor`."""
    said = TEXTS[text]
    if callable(said):
        return said(values)
    return said[0].format(**values), said[1].format(**values)


def verdict(checks: list[dict[str, Any]]) -> str:
    """Return one sentence about all checks."""
    fail, warn = (sum(row["state"] == state for row in checks) for state in ("fail", "warn"))
    if fail:
        return f"{count(fail)} mục hỏng, {count(warn)} mục cần lưu ý, trong {count(len(checks))} mục."
    if any(row["code"] == "not_checked" for row in checks):
        return "Nơi này chưa cài đặt xong, nên chưa kiểm tra được hết."
    return f"Mọi thứ dùng được; {count(warn)} mục cần lưu ý." if warn else f"Cả {count(len(checks))} mục đều đạt."
