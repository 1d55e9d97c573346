"""The conformance kit for plugin authors: what a method must do, each check with what is wrong and how to mend it."""

from ferbench.testing.dataset_checks import DATASET_CHECKS, DatasetSubject
from ferbench.testing.findings import Failed, Finding
from ferbench.testing.method_checks import METHOD_CHECKS
from ferbench.testing.methods import MethodTests, check_method
from ferbench.testing.metric_checks import METRIC_CHECKS, MetricSubject
from ferbench.testing.preprocessor_checks import PREPROCESSOR_CHECKS, PreprocessorSubject
from ferbench.testing.protocol_checks import PROTOCOL_CHECKS, ProtocolSubject
from ferbench.testing.rehearsal import Rehearsal, context_of
from ferbench.testing.running import failing
from ferbench.testing.subject import Subject
from ferbench.testing.toys import Toys

__all__ = [
    "DATASET_CHECKS",
    "METHOD_CHECKS",
    "METRIC_CHECKS",
    "PREPROCESSOR_CHECKS",
    "PROTOCOL_CHECKS",
    "DatasetSubject",
    "Failed",
    "Finding",
    "MethodTests",
    "MetricSubject",
    "PreprocessorSubject",
    "ProtocolSubject",
    "Rehearsal",
    "Subject",
    "Toys",
    "check_method",
    "context_of",
    "failing",
]
