"""A corpus of a few sentences with questions, small enough to be indexed, asked and trained on in a test."""

from engine.data.records import Document, Question

DOCUMENTS = (
    Document(
        "apollo",
        "Apollo 11",
        "# Apollo 11\n\nApollo 11 was launched from Florida on 16 July 1969. It carried three astronauts. "
        "Neil Armstrong was the first person to walk on the Moon. Buzz Aldrin followed nineteen minutes "
        "later. Michael Collins stayed in orbit around the Moon. The crew came down in the Pacific Ocean on "
        "24 July and spent three weeks in quarantine.",
    ),
    Document(
        "mars",
        "Mars",
        "# Mars\n\nMars has two small moons. They are called Phobos and Deimos. Asaph Hall found both of "
        "them in August 1877. Its largest volcano is Olympus Mons, which is 22 kilometres high. Iron oxide "
        "gives the planet its red colour. A day on Mars lasts 24 hours and 37 minutes.",
    ),
    Document(
        "hubble",
        "Hubble Space Telescope",
        "# Hubble Space Telescope\n\nThe Hubble Space Telescope was carried into orbit by the shuttle "
        "Discovery in April 1990. Its main mirror was ground to the wrong shape. Astronauts corrected the "
        "mirror in December 1993. The telescope is named after the astronomer Edwin Hubble. It circles the "
        "Earth every 95 minutes.",
    ),
    Document(
        "titan",
        "Titan",
        "# Titan\n\nTitan is the largest moon of Saturn. Christiaan Huygens discovered it in 1655. Its "
        "thick air is made mostly of nitrogen. Lakes of liquid methane lie near its poles. The probe Huygens "
        "landed there in January 2005.",
    ),
)

QUESTIONS = tuple(
    Question(f"q{number}", question, answers, document, evidence, kind)
    for number, (question, answers, document, evidence, kind) in enumerate(
        (
            (
                "Who was the first person to walk on the Moon?",
                ("Neil Armstrong", "Armstrong"),
                "apollo",
                "Neil Armstrong was the first person to walk on the Moon.",
                "who",
            ),
            (
                "When was Apollo 11 launched?",
                ("16 July 1969", "July 1969"),
                "apollo",
                "Apollo 11 was launched from Florida on 16 July 1969.",
                "when",
            ),
            (
                "Who found the moons of Mars?",
                ("Asaph Hall",),
                "mars",
                "Asaph Hall found both of them in August 1877.",
                "who",
            ),
            (
                "What is the largest volcano on Mars?",
                ("Olympus Mons",),
                "mars",
                "Its largest volcano is Olympus Mons, which is 22 kilometres high.",
                "what",
            ),
            (
                "Which shuttle carried the Hubble Space Telescope into orbit?",
                ("Discovery", "the shuttle Discovery"),
                "hubble",
                "The Hubble Space Telescope was carried into orbit by the shuttle Discovery in April 1990.",
                "what",
            ),
            (
                "How often does the telescope circle the Earth?",
                ("every 95 minutes", "95 minutes"),
                "hubble",
                "It circles the Earth every 95 minutes.",
                "how often",
            ),
            (
                "Who discovered Titan?",
                ("Christiaan Huygens", "Huygens"),
                "titan",
                "Christiaan Huygens discovered it in 1655.",
                "who",
            ),
            (
                "What is the air of Titan made of?",
                ("nitrogen", "mostly nitrogen"),
                "titan",
                "Its thick air is made mostly of nitrogen.",
                "what",
            ),
        ),
        1,
    )
)

UNANSWERABLE = (
    Question("u1", "Who was the commander of Apollo 13?", kind="unanswerable"),
    Question("u2", "How many rings does Saturn have?", kind="unanswerable"),
    Question("u3", "Which rocket will carry people to Mars?", kind="unanswerable"),
)
NOTHING_LIKE_IT = "How do I bake bread?"
