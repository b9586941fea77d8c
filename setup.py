"""All about the package is in pyproject.toml. This file gives an editable install its data files, too.

setuptools asks the distribution for `has_data` before it installs them, and has no such method.
"""

from setuptools import Distribution, setup


class WithData(Distribution):
    def has_data(self) -> bool:
        return self.has_data_files()


setup(distclass=WithData)
