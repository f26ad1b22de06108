"""Expectations on data sets as a whole, judged by Great Expectations and shown in its Data Docs.

`run_suite` judges one version of a data set; `build_docs` makes the site that lists all suites and the latest validations.
Importing this package does not import Great Expectations.
"""

from ot_assets.quality.docs import build_docs
from ot_assets.quality.result import Finding, SuiteResult
from ot_assets.quality.rules import Bounds, SuiteContext
from ot_assets.quality.run import run_suite
from ot_assets.quality.suites import FOR_ASSET, SUITES

__all__ = ["FOR_ASSET", "SUITES", "Bounds", "Finding", "SuiteContext", "SuiteResult", "build_docs", "run_suite"]
