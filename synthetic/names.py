"""Invented names. Every syllable is made up on purpose, so that no name can be that of a living person."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

FAMILY = (
    "Quẫng", "Vuỡn", "Thoảnh", "Nghiễu", "Khuyễng", "Troạng", "Phiễn", "Giượng", "Chuẩng", "Rưỡn", "Lươm", "Xoẵng",
    "Bễnh", "Kiễu", "Nhuẩn", "Oãng", "Uyễm", "Sẵnh", "Truổng", "Gioãn", "Hưởm", "Ngoẵn", "Thuễ", "Yễng",
)  # fmt: skip
MIDDLE = ("Đỗm", "Bổn", "Thuỗm", "Lễng", "Khưởn", "Nghẫm", "Trẻm", "Quỡn", "Phẫu", "Chỗi", "Rỡm", "Xuẫn")
_ONSETS = ("B", "Ch", "Ng", "Gi", "Kh", "L", "M", "Nh", "Ph", "Qu", "R", "S", "Th", "Tr", "V", "X")
_RHYMES = (
    "ẫng", "ẵn", "ễm", "ỡng", "ỗm", "ũng", "ẵm", "ẫm", "ễng", "ỗn", "ỡm", "ễu", "ẫy", "ỗi", "ẵng", "ẽm", "ũm", "ẽng",
)  # fmt: skip
STREETS = (
    "Thôn Thử Nghiệm",
    "Thôn Mô Phỏng",
    "Thôn Ví Dụ",
    "Tổ dân phố Giả Định",
    "Thôn Minh Họa",
    "Xóm Trình Diễn",
)


@lru_cache(maxsize=1)
def given_names() -> tuple[str, ...]:
    """Every invented given name, in a fixed order."""
    return tuple(onset + rhyme for onset in _ONSETS for rhyme in _RHYMES)


def pool_size() -> int:
    """How many different full names exist."""
    return len(FAMILY) * len(MIDDLE) * len(given_names())


def full_name(number: int) -> str:
    """The invented name with this number; numbers beyond the pool wrap round."""
    given = given_names()
    number %= pool_size()
    rest, third = divmod(number, len(given))
    first, second = divmod(rest, len(MIDDLE))
    return f"{FAMILY[first]} {MIDDLE[second]} {given[third]}"


def parts(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of family, middle and given name for many name numbers at once."""
    rest, third = np.divmod(numbers % pool_size(), len(given_names()))
    first, second = np.divmod(rest, len(MIDDLE))
    return first, second, third


def officer_names(unit_number: int, count: int) -> list[str]:
    """Invented officers of one unit: the same for every seed, different from unit to unit and within a unit."""
    stride = 7919  # a prime, so that neighbours do not share syllables
    return [full_name((unit_number * 64 + slot) * stride) for slot in range(count)]
