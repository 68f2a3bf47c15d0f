"""Names for people who are made up."""

from __future__ import annotations

FIRST = (
    "Ada", "Bruno", "Carla", "Dmitri", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jaro", "Kofi",
    "Lena", "Mateo", "Nadia", "Ola", "Priya", "Quentin", "Rosa", "Sven", "Tala", "Uma", "Viktor",
    "Wanda", "Ximena", "Yusuf", "Zora",
)  # fmt: skip
LAST = (
    "Abel", "Brandt", "Castro", "Dietz", "Eriksen", "Fontaine", "Greene", "Haddad", "Ito", "Jung",
    "Keller", "Lombardi", "Moreau", "Nilsson", "Okafor", "Pereira", "Quinn", "Rossi", "Sato",
    "Thorn", "Ueda", "Varga", "Walsh", "Xu", "Yilmaz", "Zeman",
)  # fmt: skip
