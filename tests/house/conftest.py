"""What these tests share."""

from tests.opened_once import each_file_is_opened_once

__all__ = ["each_file_is_opened_once"]
