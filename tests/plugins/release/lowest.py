"""The lowest versions that the wheel allows: what is written there must work."""

from __future__ import annotations

from email.message import Message

from packaging.requirements import Requirement


def lowest(metadata: Message) -> list[str]:
    """Read the lowest versions out of a wheel's metadata.

    Args:
        metadata: of the wheel.

    Returns:
        Constraints for pip such as `"asyncpg==0.32"`, one for each library.
    """
    bounds: dict[str, str] = {}
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                bounds[requirement.name] = specifier.version
    return [f"{name}=={bound}" for name, bound in sorted(bounds.items())]
