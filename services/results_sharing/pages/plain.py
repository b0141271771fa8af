"""What patients read, in English and French; a text that is not here is the radiologist's own."""

from typing import Final

from services.results_sharing.domain.looks import Kind

MODALITIES: Final = {
    "en": {
        "CR": "X-ray",
        "DX": "X-ray",
        "CT": "CT scan",
        "MR": "MRI scan",
        "US": "Ultrasound",
        "MG": "Mammogram",
        "PT": "PET scan",
        "NM": "Nuclear medicine",
    },
    "fr": {
        "CR": "Radiographie",
        "DX": "Radiographie",
        "CT": "Scanner",
        "MR": "IRM",
        "US": "Échographie",
        "MG": "Mammographie",
        "PT": "TEP",
        "NM": "Médecine nucléaire",
    },
}
"""DICOM modality (0008,0060) as people call it."""

ROLES: Final = {
    "en": {
        "radiologist": "radiologist",
        "clinician": "clinician",
        "secretary": "secretary",
        "privacy-officer": "privacy officer",
        "administrator": "administrator",
        "patient": "patient",
        None: "a system of the hospital",
    },
    "fr": {
        "radiologist": "radiologue",
        "clinician": "soignant",
        "secretary": "secrétaire",
        "privacy-officer": "délégué à la protection des données",
        "administrator": "administrateur",
        "patient": "patient",
        None: "un système de l'hôpital",
    },
}

DID: Final = {
    "en": {
        Kind.CODE_ASKED: "asked for a sign-in code with your number and date of birth",
        Kind.CODE_REFUSED: "typed a code that was not right",
        Kind.CODE_AT_DESK: "made a sign-in code for you at the desk",
        Kind.SIGNED_IN: "signed in",
        Kind.SIGNED_OUT: "signed out",
        Kind.READ_CASE: "opened your exam to read it",
        Kind.READ_RESULTS: "looked at your results on this page",
        Kind.READ_APPOINTMENTS: "looked at your appointments",
        Kind.READ_RECORD: "looked at your record",
        Kind.READ_IMAGES: "looked at your images",
        Kind.STORED_IMAGES: "sent your images to the hub",
        Kind.SIGNED: "signed your report",
        Kind.RELEASED: "let you read a report before the appointment",
        Kind.HELD: "chose to tell you a result at your appointment",
        Kind.WISHED: "asked to see a result sooner",
        Kind.CHANGED_APPOINTMENT: "made or changed an appointment of yours",
        Kind.CHANGED_CASE: "worked on your exam",
        Kind.CHANGED_RECORD: "changed your record",
        Kind.REFUSED: "was refused",
        Kind.OTHER: "used your data",
    },
    "fr": {
        Kind.CODE_ASKED: "a demandé un code de connexion avec votre numéro et votre date de naissance",
        Kind.CODE_REFUSED: "a tapé un code qui n'était pas le bon",
        Kind.CODE_AT_DESK: "a créé pour vous un code de connexion à l'accueil",
        Kind.SIGNED_IN: "connexion",
        Kind.SIGNED_OUT: "déconnexion",
        Kind.READ_CASE: "a ouvert votre examen pour le lire",
        Kind.READ_RESULTS: "consultation de vos résultats sur cette page",
        Kind.READ_APPOINTMENTS: "consultation de vos rendez-vous",
        Kind.READ_RECORD: "a consulté votre dossier",
        Kind.READ_IMAGES: "a regardé vos images",
        Kind.STORED_IMAGES: "a transmis vos images",
        Kind.SIGNED: "a signé votre compte rendu",
        Kind.RELEASED: "vous a donné accès à un compte rendu avant le rendez-vous",
        Kind.HELD: "a choisi de vous annoncer un résultat lors de votre rendez-vous",
        Kind.WISHED: "demande de voir un résultat plus tôt",
        Kind.CHANGED_APPOINTMENT: "a fixé ou modifié un de vos rendez-vous",
        Kind.CHANGED_CASE: "a travaillé sur votre examen",
        Kind.CHANGED_RECORD: "a modifié votre dossier",
        Kind.REFUSED: "accès refusé",
        Kind.OTHER: "a utilisé vos données",
    },
}

WORDS: Final = {
    "en": {
        "title": "My page",
        "other": "Français",
        "results": "My results",
        "none": "There is no result yet. A result appears here as soon as a radiologist has signed it.",
        "exam": "Exam",
        "ready": "Ready",
        "text": "What the radiologist wrote",
        "for_doctor": "It is written for your doctor. Ask your doctor what it means for you.",
        "signed": "Signed by",
        "changed": "This is the current text. The radiologist has added to it since the first signature.",
        "changed_tag": "Updated",
        "error_tag": "Withdrawn",
        "error": (
            "This report was entered in error, and the hospital has withdrawn it. It says nothing about you. "
            "Ask the hospital if you have questions."
        ),
        "program": "A program helped to sort your exam; a radiologist read it and wrote the report.",
        "with_doctor_tag": "With your doctor",
        "with_doctor": "With your doctor, on",
        "with_doctor_why": (
            "Your report is signed. The radiologist wishes it to be told to you at this appointment. You can read it "
            "here from then on, whatever happens."
        ),
        "sooner": "I want it sooner",
        "wished": (
            "You asked to see it sooner, on {when}. The radiology department sees your wish, and can let you read it."
        ),
        "appointments": "My appointments",
        "to_appointments": "See my appointments and add them to my calendar",
        "looks": "Who looked at my data",
        "looks_lead": "Every access is recorded: by people of the hospital, by its systems, and by you.",
        "looks_limit": "Opening a list on which your name stands among others is recorded too, but not shown here.",
        "no_looks": "Nothing is recorded yet.",
        "you": "You",
        "somebody": "Somebody who was not signed in",
        "more": "All accesses",
        "older": "Older accesses",
        "back": "Back to my page",
        "help": "Questions",
        "help_text": (
            "About a result: your doctor. About an appointment, this page, or an access you do not understand: the "
            "hospital's reception."
        ),
        "emergency": "In an emergency call 112; in France also 15.",
    },
    "fr": {
        "title": "Ma page",
        "other": "English",
        "results": "Mes résultats",
        "none": "Il n'y a pas encore de résultat. Un résultat apparaît ici dès qu'un radiologue l'a signé.",
        "exam": "Examen",
        "ready": "Disponible",
        "text": "Ce que le radiologue a écrit",
        "for_doctor": "Ce texte est écrit pour votre médecin. Demandez-lui ce qu'il signifie pour vous.",
        "signed": "Signé par",
        "changed": "Ceci est le texte actuel. Le radiologue l'a complété depuis la première signature.",
        "changed_tag": "Mis à jour",
        "error_tag": "Retiré",
        "error": (
            "Ce compte rendu a été enregistré par erreur et l'hôpital l'a retiré. Il ne dit rien de vous. "
            "Adressez-vous à l'hôpital si vous avez des questions."
        ),
        "program": "Un programme a aidé à trier votre examen ; un radiologue l'a lu et a écrit le compte rendu.",
        "with_doctor_tag": "Avec votre médecin",
        "with_doctor": "Avec votre médecin, le",
        "with_doctor_why": (
            "Votre compte rendu est signé. Le radiologue souhaite qu'il vous soit annoncé lors de ce rendez-vous. Vous "
            "pourrez le lire ici à partir de ce moment, quoi qu'il arrive."
        ),
        "sooner": "Je le veux plus tôt",
        "wished": (
            "Vous avez demandé à le voir plus tôt, le {when}. Le service de radiologie voit votre souhait et peut vous "
            "donner accès."
        ),
        "appointments": "Mes rendez-vous",
        "to_appointments": "Voir mes rendez-vous et les ajouter à mon agenda",
        "looks": "Qui a consulté mes données",
        "looks_lead": "Chaque accès est enregistré : par le personnel de l'hôpital, par ses systèmes, et par vous.",
        "looks_limit": (
            "L'ouverture d'une liste où votre nom figure parmi d'autres est enregistrée aussi, mais n'apparaît pas ici."
        ),
        "no_looks": "Rien n'est enregistré pour le moment.",
        "you": "Vous",
        "somebody": "Une personne non connectée",
        "more": "Tous les accès",
        "older": "Accès plus anciens",
        "back": "Retour à ma page",
        "help": "Questions",
        "help_text": (
            "Sur un résultat : votre médecin. Sur un rendez-vous, cette page, ou un accès que vous ne comprenez pas : "
            "l'accueil de l'hôpital."
        ),
        "emergency": "En cas d'urgence, appelez le 15 ou le 112.",
    },
}
