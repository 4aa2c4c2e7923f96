"""The step that compiles the engine, with a plain word where it cannot be done.

Used by setuptools while the package is built (`tool.setuptools.cmdclass`), never at run time.  There is no slow variant
of the engine to fall back on: an install without it fails, and says why in one line.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, PlatformError


class BuildEngine(build_ext):
    """`build_ext` that says what is missing."""

    def build_extension(self, ext: Extension) -> None:
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        if sys.platform != "win32" and not any(map(shutil.which, (compiler, "cc", "gcc", "clang"))):
            raise SystemExit(
                f"span2metrics needs a C compiler to build its engine and found none (looked for {compiler}): "
                "install one, such as Debian's gcc and libc6-dev or Alpine's build-base, and run this again."
            )
        try:
            super().build_extension(ext)
        except (CompileError, PlatformError) as error:
            raise SystemExit(
                f"span2metrics could not compile its engine ({error}): the compiler's message is above; "
                "missing headers usually mean that Python's own (python3-dev) or libc's (libc6-dev) are not installed."
            ) from error
