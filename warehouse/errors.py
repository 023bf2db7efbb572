"""Database errors as people read them: what happened and what to do (Vietnamese), plus a stable code."""

from __future__ import annotations

_TEXTS: dict[str, tuple[str, str]] = {
    "bad_url": (
        "CCHC_DATABASE_URL không đúng dạng: {detail}.",
        "Viết theo mẫu postgresql+psycopg2://tên:mật_khẩu@máy:5432/csdl hoặc bỏ biến này để dùng cơ sở dữ liệu đi kèm.",
    ),
    "unreachable": (
        "Không kết nối được cơ sở dữ liệu: {detail}.",
        "Kiểm tra máy chủ PostgreSQL và địa chỉ trong CCHC_DATABASE_URL rồi chạy lại.",
    ),
    "unreachable_embedded": (
        "Không kết nối được cơ sở dữ liệu đi kèm: {detail}.",
        "Chạy lại lệnh; nếu vẫn lỗi, xem nhật ký trong thư mục {logs}.",
    ),
    "refused": (
        "Cơ sở dữ liệu từ chối đăng nhập: {detail}.",
        "Kiểm tra tên, mật khẩu và quyền của tài khoản trong CCHC_DATABASE_URL (hoặc tệp secrets.json của CCHC_HOME).",
    ),
    "too_old": (
        "PostgreSQL {found} quá cũ, cần từ {needed} trở lên.",
        "Nâng cấp máy chủ hoặc bỏ CCHC_DATABASE_URL để dùng cơ sở dữ liệu đi kèm.",
    ),
    "no_binaries": (
        "Không tìm thấy hoặc không chạy được PostgreSQL đi kèm: {detail}.",
        "Chạy lại `make setup`, hoặc đặt CCHC_DATABASE_URL trỏ đến một PostgreSQL có sẵn.",
    ),
    "no_system_user": (
        "Đang chạy bằng root nhưng không tạo được tài khoản hệ thống cho PostgreSQL.",
        "Tạo tài khoản bằng `useradd --system cchc-postgres` rồi chạy lại, hoặc chạy bằng tài khoản thường.",
    ),
    "unsupported_system": (
        "Cơ sở dữ liệu đi kèm chỉ chạy trên Linux và macOS.",
        "Đặt CCHC_DATABASE_URL trỏ đến một máy chủ PostgreSQL.",
    ),
    "home_unusable": (
        "Không dùng được thư mục CCHC_HOME {home}: {detail}.",
        "Kiểm tra quyền ghi và chỗ trống của thư mục này, hoặc đặt CCHC_HOME sang thư mục khác.",
    ),
    "bad_state": (
        "Tệp {path} bị hỏng, không đọc được.",
        "Khôi phục tệp này từ bản sao lưu rồi chạy lại.",
    ),
    "data_lost": (
        "Không thấy thư mục dữ liệu {data} của cơ sở dữ liệu này.",
        "Khôi phục thư mục dữ liệu từ bản sao lưu; nếu muốn bắt đầu lại với cơ sở dữ liệu trống, xóa tệp "
        "{pointer} rồi nạp lại các tệp.",
    ),
    "secrets_lost": (
        "Thiếu mật khẩu của cơ sở dữ liệu trong {path}.",
        "Khôi phục tệp secrets.json từ bản sao lưu rồi chạy lại.",
    ),
    "other_version": (
        "Dữ liệu do PostgreSQL {found} tạo ra, còn bản đi kèm là {needed}.",
        "Cài lại đúng phiên bản cũ, sao lưu dữ liệu, rồi khôi phục vào bản mới.",
    ),
    "init_failed": (
        "Không tạo được cơ sở dữ liệu đi kèm: {detail}.",
        "Kiểm tra chỗ trống trên đĩa và nhật ký trong thư mục {logs} rồi chạy lại.",
    ),
    "start_failed": (
        "Cơ sở dữ liệu đi kèm không khởi động được: {detail}.",
        "Kiểm tra chỗ trống trên đĩa và nhật ký trong thư mục {logs} rồi chạy lại.",
    ),
    "no_tools": (
        "Không có chương trình {program} đủ mới cho PostgreSQL {server}.",
        "Cài bộ công cụ khách PostgreSQL {server} (ví dụ gói postgresql-client-{server}) rồi chạy lại.",
    ),
    "tool_failed": (
        "Chương trình {program} dừng giữa chừng: {detail}.",
        "Sửa nguyên nhân rồi chạy lại; không có gì được ghi dở dang.",
    ),
    "in_use": (
        "Cơ sở dữ liệu đang được một tiến trình khác dùng.",
        "Đợi tiến trình đó xong rồi chạy lại.",
    ),
    "migration_files": (
        "Các tệp nâng cấp cơ sở dữ liệu không hợp lệ: {detail}.",
        "Cài lại đúng bộ mã nguồn; các tệp phải đánh số liên tục 0001, 0002, …",
    ),
    "migration_changed": (
        "Tệp nâng cấp {name} đã bị sửa sau khi áp dụng.",
        "Trả tệp về nguyên bản và viết thay đổi vào một tệp nâng cấp mới.",
    ),
    "database_newer": (
        "Cơ sở dữ liệu ở phiên bản {found}, mới hơn mã nguồn (phiên bản {needed}).",
        "Cập nhật mã nguồn lên bản mới hơn rồi chạy lại.",
    ),
    "migration_failed": (
        "Nâng cấp cơ sở dữ liệu thất bại ở tệp {name}: {detail}.",
        "Không có thay đổi nào của tệp này được giữ lại; sửa nguyên nhân rồi chạy lại.",
    ),
}


class DatabaseError(Exception):
    """A dead, unusable or mismatched database; the command line prints the sentence and exits with 1.

    `code` is stable for scripts; `message` and `remedy` are Vietnamese sentences without secrets.
    """

    exit_status = 1

    def __init__(self, code: str, **details: object) -> None:
        message, remedy = _TEXTS[code]
        self.code = f"database_{code}"
        self.message = message.format(**details)
        self.remedy = remedy.format(**details)
        super().__init__(f"{self.message} {self.remedy}")


def first_line(text: object, limit: int = 240) -> str:
    """The first non-empty line of a tool's or driver's message, without its closing full stop."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return (lines[0] if lines else "không rõ nguyên nhân")[:limit].rstrip(".")
