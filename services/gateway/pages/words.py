"""What patients read when they sign in with a code, in English and French."""

from typing import Final

MESSAGE: Final = {
    "en": (
        "Your sign-in code: {code}. It is good for 10 minutes, once. Nobody from the hospital will ask you for it. "
        "You did not want to sign in? Ignore this message."
    ),
    "fr": (
        "Votre code de connexion : {code}. Il est valable 10 minutes, une seule fois. Personne à l'hôpital ne vous le "
        "demandera. Vous n'avez rien demandé ? Ignorez ce message."
    ),
}
"""The text that the hospital's channel brings."""

WORDS: Final = {
    "en": {
        "title": "Sign in with a code",
        "other": "Français",
        "lead": "Here you see your results, your appointments, and who looked at your data.",
        "number": "Hospital number",
        "number_hint": "on your appointment letter or your wristband",
        "born": "Date of birth",
        "send": "Send me a code",
        "channel": ("The code reaches you the way the hospital usually reaches you: by text message, for example."),
        "have": "I have a code already",
        "none_sent": (
            "This hospital does not send codes. Ask at the reception: you get a code there, good for 10 minutes."
        ),
        "sent": (
            "If these details are those of a patient of this hospital, a code is on its way. It is good for 10 minutes."
        ),
        "not_come": (
            "Nothing after a few minutes? Check the details and ask for another code, or ask at the reception."
        ),
        "code": "Code",
        "code_hint": "8 letters and digits; capitals and the hyphen do not matter",
        "enter": "Sign in",
        "again": "Ask for another code",
        "wrong": (
            "These details and this code do not go together, or the code is no longer good. A code can be tried 5 "
            "times, and used once, within 10 minutes."
        ),
        "not_in": "Not signed in.",
        "many": "Too many tries. Wait 15 minutes, or ask at the reception.",
        "missing": "Fill in every field.",
        "safe": "Nobody from the hospital will ever ask you for your code.",
        "password": "Sign in with a name and a password",
    },
    "fr": {
        "title": "Se connecter avec un code",
        "other": "English",
        "lead": "Vous voyez ici vos résultats, vos rendez-vous, et qui a consulté vos données.",
        "number": "Numéro de patient",
        "number_hint": "sur votre convocation ou votre bracelet",
        "born": "Date de naissance",
        "send": "M'envoyer un code",
        "channel": "Le code vous parvient comme l'hôpital vous contacte d'habitude : par SMS, par exemple.",
        "have": "J'ai déjà un code",
        "none_sent": (
            "Cet hôpital n'envoie pas de code. Demandez à l'accueil : on vous y remet un code, à utiliser dans les "
            "10 minutes."
        ),
        "sent": (
            "Si ces informations sont celles d'un patient de l'hôpital, un code est en route, valable 10 minutes."
        ),
        "not_come": (
            "Rien après quelques minutes ? Vérifiez les informations et demandez un autre code, ou adressez-vous à "
            "l'accueil."
        ),
        "code": "Code",
        "code_hint": "8 lettres et chiffres ; majuscules et tiret sont sans importance",
        "enter": "Se connecter",
        "again": "Demander un autre code",
        "wrong": (
            "Ces informations et ce code ne vont pas ensemble, ou le code n'est plus valable. Un code peut être essayé "
            "5 fois, et utilisé une fois, dans les 10 minutes."
        ),
        "not_in": "Vous n'êtes pas connecté.",
        "many": "Trop d'essais. Attendez 15 minutes, ou adressez-vous à l'accueil.",
        "missing": "Remplissez tous les champs.",
        "safe": "Personne à l'hôpital ne vous demandera jamais votre code.",
        "password": "Se connecter avec un nom et un mot de passe",
    },
}
