"""Names of columns that nobody measured: labels of faults, qualities of readings."""

import re

__all__ = ["is_label", "is_quality_name", "sounds_like_label"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABELS = _set(
    "anomaly anomalies anomalous label labels target class outlier outliers attack attacks fault "
    "faults faulty failure failures defect defects störung stoerung störungen fehler ausfall "
    "ausfälle anomalie anomalien panne pannes défaut defaut défauts fallo falla avería averia "
    "anomalía guasto anomalia falha fejl awaria groundtruth changepoint changepoints"
)
"""Words of columns that say what was wrong."""
_WITH_LABELS = _set(
    "is has id flag flags type class code no nr y true ground truth change point points normal "
    "machine gt binary bin ist kennung typ art"
)
_PHRASES = ("y true", "ground truth", "change point", "change points")
_PERHAPS = _LABELS | _set("alarm alarms event events gt y truth abnormal broken")
_QUALITY = _set(
    "quality qual qc q validity valid opcquality qualität qualitaet güte guete qualité calidad "
    "qualità qualidade kvalitet kwaliteit jakość"
)


def is_label(name: str) -> bool:
    """Whether every word of a name is one of labels: `is_anomaly`, `Normal/Attack`, `Störung`."""
    words = _words(name)
    is_known = all(word in _LABELS or word in _WITH_LABELS for word in words)
    return " ".join(words) in _PHRASES or (is_known and not _LABELS.isdisjoint(words))


def sounds_like_label(name: str) -> bool:
    """Whether any word of a name may be one of labels: `alarm`, `pump_fault`."""
    return not _PERHAPS.isdisjoint(_words(name))


def is_quality_name(name: str) -> bool:
    """Whether a name is that of a quality: `flow_quality`, `flow.q`, `Güte`, `quality_flow`."""
    words = _words(name)
    return bool(words) and (
        words[-1] in _QUALITY
        or (len(words[0]) > 2 and words[0] in _QUALITY)
        or (words[-1] == "code" and words[-2:-1] == ["quality"])
    )


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-zäöü])(?=[A-ZÄÖÜ])", " ", name).lower()
    return [word for word in re.split(r"[\W_]+", split) if word]
