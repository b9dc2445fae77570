"""Who lives in the sample community: fictitious people with fields, places and something to say about themselves."""

import random
from dataclasses import dataclass

GIVEN = (
    "Amara Anders Anika Anna Antonio Aoife Arjun Asha Astrid Ayodele Beatriz Ben Bilal Björn Bronwen Camille Carlos Catarina Chen Chiara Daan Daniel "
    "Deepa Dilan Ebba Efe Elif Elena Emeka Emma Eoin Esther Farah Fatima Femke Finn Florian Freya Gabriel Giulia Grace Hana Hannah Hassan Helena Henrik "
    "Hiroshi Hugo Ibrahim Ida Ines Ingrid Isabel Ivan Jakub Jana Javier Jonas José Julia Kacper Kaito Katarzyna Kenji Kofi Lars Layla Lena Leonie Liam "
    "Linnéa Lucía Luka Mads Magda Mai Malik Marco Maria Marta Mateo Mei Mia Mikael Milan Mina Miriam Mohamed Nadia Naoko Nia Nikhil Nils Nina Noor Olga "
    "Oliver Omar Oskar Paula Pedro Petra Priya Rafael Rania Ravi Rosa Ruth Sámi Samir Sara Sebastián Selin Sigrid Simon Sofia Søren Sven Tamar Tariq Tereza "
    "Theo Thomas Tiago Tomás Uche Valentina Victor Viktor Wanjiru Wei Yara Yasmin Yuki Yusuf Zanele Zofia Zoë"
).split()
FAMILY = (
    "Adeyemi Ahmed Almeida Andersen Aydın Baker Barbosa Becker Berg Bianchi Bosman Byrne Campbell Castro Çelik Cohen Costa Dahl Dąbrowska de~Vries Demir Diallo "
    "Dubois Duarte Eriksen Evans Fernández Ferreira Fischer Fontaine Garcia Gómez Gupta Haddad Hansen Hashimoto Hayes Hernández Hoffmann Holm Horváth Ito "
    "Ivanova Jansen Jensen Johansson Jovanović Kamau Kaur Keller Khan Kim Kimura Kovács Kowalski Kruger Kumar Larsen Lefèvre Lindgren Lindqvist López Mbeki Mazur "
    "McKenna Mehta Meier Mendes Mensah Moreau Moretti Müller Murphy Nakamura Nguyen Nielsen Novák Nowak Nwosu O'Brien Öberg Okafor Okonkwo Oliveira Olsen Osei "
    "Park Patel Pereira Petrov Popescu Quinn Rahman Ramos Rao Reyes Ricci Richter Romano Rossi Saito Salas Sánchez Santos Schmidt Schneider Silva Singh Smit Sørensen "
    "Šimek Stein Suzuki Svensson Takahashi Tanaka Thompson Toth Ueda van~den~Berg van~Dijk Varga Vasquez Vogel Wagner Wang Weber Williams Wójcik Wong Yamada Yılmaz "
    "Zhang Zieliński"
).split()
PLACES = (
    "Amsterdam",
    "Athens",
    "Barcelona",
    "Berlin",
    "Bergen",
    "Brussels",
    "Copenhagen",
    "Cork",
    "Dublin",
    "Edinburgh",
    "Gdańsk",
    "Geneva",
    "Ghent",
    "Gothenburg",
    "Hamburg",
    "Helsinki",
    "Kraków",
    "Leeds",
    "Lisbon",
    "Ljubljana",
    "London",
    "Lyon",
    "Malmö",
    "Manchester",
    "Milan",
    "Munich",
    "Nairobi",
    "Oslo",
    "Paris",
    "Porto",
    "Prague",
    "Rotterdam",
    "Stockholm",
    "Tallinn",
    "Turin",
    "Utrecht",
    "Vienna",
    "Warsaw",
    "Zürich",
)
# Field -> what people in it are, and where they work.
WORK = {
    "Architecture": (
        ("Architect", "Landscape architect", "Conservation architect", "Urban designer"),
        ("Atelier Nord", "Haven & Partners", "Studio Lind", "Groundwork"),
    ),
    "Arts and culture": (
        ("Curator", "Museum educator", "Stage designer", "Archivist"),
        ("City Museum", "Harbour Theatre", "The Print Room", "House of Photography"),
    ),
    "Climate and energy": (
        ("Energy analyst", "Wind engineer", "Climate policy adviser", "Grid planner"),
        ("Northwind", "Open Grid", "Tidewater Energy", "Climate Desk"),
    ),
    "Education": (
        ("Teacher", "Head of school", "Curriculum designer", "Lecturer"),
        ("Riverside School", "Northgate College", "Open Classroom", "Lakeview Gymnasium"),
    ),
    "Engineering": (
        ("Structural engineer", "Railway engineer", "Process engineer", "Acoustic engineer"),
        ("Bridge & Sons", "Metro Lines", "Kallio Engineering", "Soundworks"),
    ),
    "Finance": (
        ("Actuary", "Auditor", "Credit analyst", "Treasurer"),
        ("Harbour Mutual", "Northern Savings", "Ledger House", "Common Bank"),
    ),
    "Food and farming": (
        ("Agronomist", "Baker", "Food scientist", "Cheesemaker"),
        ("Field & Oven", "Green Acre", "The Old Dairy", "Seedbank"),
    ),
    "Health": (
        ("Paediatrician", "Nurse", "Physiotherapist", "Epidemiologist", "Midwife"),
        ("St Brigid's", "University Hospital", "Community Clinic", "Institute of Public Health"),
    ),
    "Journalism": (
        ("Reporter", "Editor", "Data journalist", "Radio producer"),
        ("The Northern", "City Radio", "Fact Desk", "Weekend Magazine"),
    ),
    "Law": (
        ("Solicitor", "Judge's clerk", "Legal adviser", "Notary"),
        ("Quay Chambers", "Legal Aid Centre", "Hollander & Ito", "Ombuds Office"),
    ),
    "Public service": (
        ("City planner", "Civil servant", "Librarian", "Diplomat"),
        ("City of Northgate", "Ministry of Transport", "Central Library", "Foreign Office"),
    ),
    "Research": (
        ("Marine ecologist", "Physicist", "Historian", "Linguist", "Chemist"),
        ("Institute for Coastal Research", "Academy of Sciences", "University of Northgate", "Polar Station"),
    ),
    "Software": (
        ("Software engineer", "Accessibility specialist", "Product designer", "Data engineer"),
        ("Papertrail", "Openfold", "Mosaic Labs", "Quiet Software"),
    ),
    "Social work": (
        ("Social worker", "Youth worker", "Counsellor", "Community organiser"),
        ("Neighbourhood House", "Open Door", "Family Centre", "Lighthouse"),
    ),
}
ASIDES = (
    "",
    "",
    "",
    "mentoring newcomers",
    "open to talks",
    "on leave until spring",
    "sailing when it rains",
    "looking for a co-author",
    "always up for coffee",
    "learning Portuguese",
    "two kids and a dog",
    "back from Nairobi",
    "choir on Thursdays",
    "restoring an old boat",
)


@dataclass(frozen=True)
class Person:
    """One inhabitant: everything a profile shows, and the address they are found by."""

    name: str
    address: str
    headline: str
    organisation: str
    title: str
    field: str
    place: str
    cohort: str


def people(number: int, seed: int, domains: tuple[str, ...]) -> list[Person]:
    """Return `number` different people, the same for the same seed, with addresses under `domains`."""
    choose = random.Random(seed)  # noqa: S311 - a sample, not a secret
    made: dict[str, Person] = {}
    fields = list(WORK)
    while len(made) < number:
        name = f"{choose.choice(GIVEN)} {choose.choice(FAMILY)}".replace("~", " ")
        field = choose.choice(fields)
        titles, places_of_work = WORK[field]
        title, organisation = choose.choice(titles), choose.choice(places_of_work)
        aside = choose.choice(ASIDES)
        address = f"{local_part(name)}@{choose.choice(domains)}"
        headline = f"{title} at {organisation}" + (f", {aside}" if aside else "")
        person = Person(
            name, address, headline, organisation, title, field, choose.choice(PLACES), str(choose.randint(1988, 2024))
        )
        made.setdefault(local_part(name), person)
    return list(made.values())


def local_part(name: str) -> str:
    """Return what stands before the @ in the address of somebody with this name."""
    from webapp.domain.names import fold

    return ".".join(
        "".join(letter for letter in part if letter.isascii() and letter.isalnum()) for part in fold(name).split()
    )
