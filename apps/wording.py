"""Turns failures into one Vietnamese sentence. The traceback of our own faults goes to the log of the home, not the screen."""

from __future__ import annotations

import click


def usage_error(error: click.ClickException) -> str:
    """Return what is wrong with the words of a call."""
    hint = " Xem «cchc --help»."
    if isinstance(error, click.exceptions.NoSuchOption):
        return f"Không có tùy chọn «{error.option_name}».{hint}"
    if isinstance(error, click.exceptions.MissingParameter):
        name = error.param.human_readable_name if error.param is not None else ""
        if isinstance(error.param, click.Option):
            name = error.param.opts[0]
        return f"Thiếu «{name}».{hint}"
    if isinstance(error, click.exceptions.BadParameter):
        name = error.param.opts[0] if error.param is not None else ""
        return f"Giá trị của «{name}» không hợp lệ.{hint}"
    text = error.format_message()
    if text.startswith("No such command"):
        return f"Không có lệnh {text.split(chr(39))[1] if chr(39) in text else ''}.{hint}"
    return f"Lệnh không đúng.{hint}"


def failure(error: Exception) -> tuple[int, str, str]:
    """Return (exit status, code, sentence) for what stopped a command."""
    from flows.steps.home import UserError, open_home
    from flows.steps.logs import note_fault
    from flows.steps.trouble import trouble
    from sources.contract_yaml import ContractError
    from sources.units import UnitRegisterError
    from warehouse.errors import DatabaseError

    if isinstance(error, UnicodeEncodeError):
        return 2, "bad_text", "Tham số có ký tự không phải UTF-8; hãy gõ lại."
    if isinstance(error, UserError):
        return 2, error.code, str(error)
    if isinstance(error, ContractError):
        return 2, "bad_contract", str(error)
    if isinstance(error, UnitRegisterError):
        return 2, "bad_units", f"Danh mục đơn vị bổ sung không dùng được: {error}"
    if known := trouble(error, open_home().root):
        return 1, *known
    if isinstance(error, DatabaseError):
        return 1, error.code, str(error)
    kind = type(error).__name__
    try:
        place = note_fault(open_home().root, error)
        return (
            1,
            "internal",
            f"Lỗi của phần mềm ({kind}); chi tiết ở {place}. Dữ liệu đã nạp vẫn nguyên; hãy chạy lại lệnh.",
        )
    except OSError:
        return 1, "internal", f"Lỗi của phần mềm ({kind}), và không ghi được nhật ký ở {open_home().root}/logs."
