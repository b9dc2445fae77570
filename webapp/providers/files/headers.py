"""What the columns of exported address books are called, by program and language. Data, and the looking up in it.

Sources: tests/providers/files/README.md.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from webapp import addresses
from webapp.providers.files.found import Kind

Role = Literal["given", "middle", "family", "full", "spare", "organisation"]

# Compared without case, accents, blanks and signs: "E-Mail 2: Adresse" is "email2adresse".
_NAMES: dict[Role, tuple[str, ...]] = {
    "given": (
        "First Name", "Given Name", "First", "Forename", "Firstname", "FName",  # English
        "Vorname", "Vornamen", "Rufname",  # German
        "Prénom", "Prénoms",  # French
        "Primer nombre", "Nombre de pila",  # Spanish
        "Nome di battesimo", "Primo nome",  # Italian
        "Primeiro nome", "Nome próprio",  # Portuguese
        "Voornaam", "Roepnaam",  # Dutch
    ),
    "middle": (
        "Middle Name", "Middle", "Additional Name", "Middle Initial",
        "Weitere Vornamen", "Zweiter Vorname",
        "Deuxième prénom", "Autres prénoms", "Second prénom",
        "Segundo nombre",
        "Secondo nome",
        "Segundo nome", "Nome do meio", "Outros nomes/apelidos",
        "Middelste naam", "Tweede voornaam", "Tussenvoegsel", "Tussenvoegsels",
    ),
    "family": (
        "Last Name", "Family Name", "Last", "Surname", "Lastname", "LName",
        "Nachname", "Familienname", "Zuname",
        "Nom de famille",
        "Apellidos", "Apellido", "Primer apellido",
        "Cognome",
        "Sobrenome", "Último nome",
        "Achternaam", "Familienaam",
    ),
    "full": (
        "Full Name", "Display Name", "Contact Name", "Displayed Name", "Contact", "FN", "Member", "Person",
        "Anzeigename", "Vollständiger Name", "Angezeigter Name", "Vor- und Nachname", "Kontakt",
        "Nom complet", "Nom à afficher", "Nom affiché", "Nom et prénom", "Prénom et nom",
        "Nombre completo", "Nombre para mostrar", "Nombre mostrado", "Mostrar nombre", "Nombre y apellidos",
        "Nome completo", "Nome visualizzato", "Nome da visualizzare", "Nome e cognome",
        "Nome de exibição", "Nome exibido", "Mostrar nome", "Nome a apresentar", "Nome a exibir",
        "Volledige naam", "Weergavenaam", "Getoonde naam",
    ),
    "spare": (
        "File As", "Nickname", "E-mail Display Name", "E-mail 2 Display Name", "Email 1 Display Name",
        "Speichern unter", "Spitzname", "E-Mail: Angezeigter Name", "E-Mail-Anzeigename",
        "Surnom", "Nom complet de l'adresse de messagerie",
        "Apodo", "Alias", "Nombre de pantalla de correo electrónico", "Nombre para mostrar de correo electrónico",
        "Soprannome", "Nome visualizzato posta elettronica",
        "Alcunha", "Nome para exibição do e-mail", "Nome de exibição do e-mail", "Nome a apresentar para o correio electrónico",
        "Bijnaam", "Weergavenaam voor e-mail", "Weergavenaam e-mail",
    ),
    "organisation": (
        "Company", "Organization Name", "Organization 1 - Name", "Organization", "Organisation", "Company Name", "Employer",
        "Firma", "Firmenname", "Unternehmen", "Arbeitgeber",
        "Société", "Entreprise", "Organisation",
        "Empresa", "Organización", "Compañía",
        "Società", "Azienda", "Organizzazione", "Ditta",
        "Organização", "Entidade", "Companhia",
        "Bedrijf", "Organisatie", "Bedrijfsnaam",
    ),
}  # fmt: skip
_FAMILY_ELSE_SPARE = ("Apelido",)
"""The family name in Portugal, a nickname in Brazil: where there is another column for the family name."""
_WHICHEVER = ("Name", "Nom", "Nombre", "Nome", "Naam")
"""The part of the name that has no column of its own: the family name beside a given name, and so on; alone, the whole name."""

# An address has a column whose words all stand here, one at least among the first.
_EMAIL = """
    email emails mail mails eml messagerie courriel courriels correo epost emailadresse emailadressen emailadres emailaddress emailaddresses
    mailadresse mailadres mailaddress
""".split()
_BESIDE = """
    address addresses value home work personal private business office job school primary secondary alternate alternative additional
    other main default first second third preferred internet contact user of my
    adresse adressen wert privat private geschaftlich dienstlich beruflich arbeit buro firma hauptadresse primare sekundare weitere andere
    adresses de l la le d du principale secondaire domicile bureau travail autre personnelle personnel professionnelle professionnel perso pro
    direccion direcciones del la el valor trabajo casa particular oficina principal secundaria secundario otra otro alternativa alternativo
    indirizzo indirizzi di della valore lavoro ufficio personale principale secondario altro altra primario primaria secondaria
    endereco enderecos do da trabalho comercial pessoal residencial secundario outro outra profissional
    adres adressen van het waarde thuis werk prive zakelijk primair secundair primaire secundaire ander overig alternatief
""".split()
_PHRASES = (
    (re.compile(r"\be mail"), "email"),
    (
        re.compile(
            r"\b(?:posta|correo|correio|correios|adresse|courrier|direccion|endereco) (?:elettronica|electronico|eletronico|electronique|electronica)\b"
        ),
        "email",
    ),
)
_TYPE = frozenset({"type", "typ", "tipo", "label", "bezeichnung", "etiqueta", "etichetta", "libelle"})

_COHORT = (
    "Cohort", "Class", "Class of", "Class Year", "Year", "Graduation Year", "Year of Graduation", "Graduated", "Group", "Batch", "Intake",
    "Jahrgang", "Abschlussjahr", "Abschluss", "Klasse", "Jahr", "Gruppe",
    "Promotion", "Promo", "Année", "Année de promotion", "Année de diplôme", "Groupe", "Classe",
    "Promoción", "Año", "Año de graduación", "Curso", "Grupo",
    "Coorte", "Anno", "Anno di laurea", "Gruppo",
    "Turma", "Ano", "Ano de formatura", "Coorte/Turma",
    "Jaargang", "Jaar", "Lichting", "Klas", "Groep",
)  # fmt: skip
"""The year or class in a list of those who belong to a community."""

_LINKEDIN = ("Company", "Position", "Connected On")
_MARKS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    # The last field of each is the name on the screen of a messenger.
    ("thunderbird", (
        "Primary Email", "Screen Name", "Primäre E-Mail-Adresse", "Messenger-Name", "Adresse électronique principale", "Nom de l’écran",
        "Nombre en pantalla", "Correo-e primario", "Email primaria", "Nome Instant Messenger", "Email primário", "Nome de tela", "Primair e-mailadres", "Schermnaam",
    )),
    ("outlook", (
        "E-mail 2 Address", "E-mail Display Name", "E-mail Type", "Given Yomi",
        "E-Mail 2: Adresse", "E-Mail-Typ", "E-Mail: Angezeigter Name", "E-Mail 2-Adresse",
        "Type de messagerie", "Nom complet de l'adresse de messagerie", "Adresse de messagerie 2",
        "Tipo de correo electrónico", "Dirección de correo electrónico 2", "Dirección del correo electrónico 2",
        "Tipo posta elettronica", "Indirizzo posta elettronica 2", "Indirizzo di posta elettronica 2",
        "Tipo de e-mail", "Endereço de e-mail 2", "Tipo de correio electrónico", "Endereço do correio electrónico 2",
        "Type e-mail", "E-mailtype", "E-mailadres 2",
    )),
    ("apple", ("Phonetic Last Name", "Phonetic First Name", "Maiden Name")),
)  # fmt: skip
_GOOGLE = re.compile(r"e-?mail 1 - value", re.IGNORECASE)
CELL_CHARACTERS_READ = 100
COLUMNS_READ = 1_000


@dataclass(slots=True)
class Header:
    """Which columns of a table are read for what."""

    kind: Kind
    addresses: list[int] = field(default_factory=list)
    types: dict[int, int] = field(default_factory=dict)
    """For the column of an address the one that says of which kind it is."""
    names: dict[Role, list[int]] = field(default_factory=dict)
    link: int | None = None
    width: int = 0
    """How many cells the header has."""

    @property
    def widths(self) -> range:
        """How many cells a row has: as many as the header, or as its last column of use needs (a header may end in a separator)."""
        used = [*self.addresses, *(at for columns in self.names.values() for at in columns)]
        return range(max(used, default=0) + 1, self.width + 1)


def recognised(row: Sequence[str]) -> Header | None:
    """Return what a row says as a header; None if it is none, or not one that tells enough to read the table by."""
    row = row[:COLUMNS_READ]
    if any("@" in cell and addresses.address(cell) for cell in row):
        return None
    folded = [fold(cell) for cell in row]
    header = Header("csv", width=len(row))
    numbered: dict[str, int] = {}
    for at, cell in enumerate(row):
        words, number = _words(cell)
        if is_address(words):
            header.addresses.append(at)
            numbered.setdefault(number, at)
    for at, cell in enumerate(row):
        words, number = _words(cell)
        if number in numbered and _TYPE & words and words - _TYPE and is_address(words - _TYPE):
            header.types[numbered[number]] = at
    header.names = _roles(folded)
    header.kind = _kind(row, folded)
    if header.kind == "linkedin":
        header.link = next((at for at, cell in enumerate(folded) if cell in {"url", "profileurl"}), None)
        return header if header.names else None
    if not header.addresses:
        return None
    is_only_addresses = len(header.addresses) == sum(map(bool, folded))
    return header if is_only_addresses or any(header.names.get(role) for role in ("given", "family", "full")) else None


def roster(row: Sequence[str]) -> tuple[list[int], int | None] | None:
    """Return the columns of addresses and the one of the year or class, of the header of such a list; None for a row that is none."""
    row = row[:COLUMNS_READ]
    if any("@" in cell for cell in row):
        return None
    written = [at for at, cell in enumerate(row) if is_address(_words(cell)[0])]
    cohort = next((at for at, cell in enumerate(row) if fold(cell) in _folded(_COHORT)), None)
    return (written, cohort) if written else None


def _roles(folded: Sequence[str]) -> dict[Role, list[int]]:
    """Return the columns of each part of a name."""
    found: dict[Role, list[int]] = {}
    for at, cell in enumerate(folded):
        role = _by_name().get(cell)
        if role:
            found.setdefault(role, []).append(at)
    for at, cell in enumerate(folded):
        if cell in _folded(_FAMILY_ELSE_SPARE):
            found.setdefault("spare" if "family" in found else "family", []).append(at)
    for at, cell in enumerate(folded):
        if cell in _folded(_WHICHEVER):
            role = "full"
            if "given" in found and "family" not in found:
                role = "family"
            elif "family" in found and "given" not in found:
                role = "given"
            found.setdefault(role, []).append(at)
    return found


def _kind(row: Sequence[str], folded: Sequence[str]) -> Kind:
    if any(_GOOGLE.fullmatch(cell.strip()) for cell in row):
        return "google"
    given = frozenset(folded)
    if given >= _folded(_LINKEDIN):
        return "linkedin"
    return next((kind for kind, marks in _marks() if marks & given), "csv")


def is_address(words: frozenset[str]) -> bool:
    """Whether a column of such words holds addresses."""
    return not _email().isdisjoint(words) and words <= _email() | _beside()


def fold(cell: str) -> str:
    """Return a header's cell as it is compared: letters and digits only, without case and accents."""
    return "".join(letter for letter in _unaccented(cell) if letter.isalnum())


def _words(cell: str) -> tuple[frozenset[str], str]:
    """Return the words of a header's cell, and the number in it."""
    text = " ".join(re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell[:CELL_CHARACTERS_READ])))
    text = _unaccented(text)
    for pattern, word in _PHRASES:
        text = pattern.sub(word, text)
    number = re.search(r"\d+", cell[:CELL_CHARACTERS_READ])
    return frozenset(text.split()), number[0] if number else "1"


def _unaccented(text: str) -> str:
    spread = unicodedata.normalize("NFKD", text[:CELL_CHARACTERS_READ].casefold())
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


@cache
def _by_name() -> dict[str, Role]:
    return {fold(name): role for role, names in _NAMES.items() for name in names}


@cache
def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(fold, names))


@cache
def _email() -> frozenset[str]:
    return frozenset(_EMAIL)


@cache
def _beside() -> frozenset[str]:
    return frozenset(_BESIDE)


@cache
def _marks() -> tuple[tuple[Kind, frozenset[str]], ...]:
    return tuple((kind, frozenset(map(fold, names))) for kind, names in _MARKS)
