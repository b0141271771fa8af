"""The one error tree: the type says who can fix it, and so the HTTP status and whether a retry helps.

HubError
├── InvalidResource     the sender's fault; never retried      422
├── Unauthenticated     nobody is signed in                    401
├── Forbidden           signed in, not allowed                 403
├── NotFound            no such resource                       404
├── NotAllowed          the hub owns this type                 405
├── Conflict            the state does not allow it            409
├── PreconditionFailed  somebody else changed it first         412
├── TooLarge            over the size limit                    413
├── UnsupportedMedia    not a format we read                   415
├── TooMany             try again later                        429
└── Unavailable         a neighbour is down; retried           503

Codes are FHIR R4 issue types (http://hl7.org/fhir/R4/valueset-issue-type.html).
"""


class HubError(Exception):
    """Something a caller can understand: what, where and how to fix it, never a patient's value.

    Args:
        message: one sentence on what is wrong.
        expression: FHIRPath of the element at fault, for example `Patient.birthDate`.
        fix: what the caller can do about it.
    """

    status: int = 500
    code: str = "exception"

    def __init__(self, message: str, *, expression: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expression = expression
        self.fix = fix


class InvalidResource(HubError):
    """The content cannot be accepted as it is."""

    status = 422
    code = "invalid"


class Unauthenticated(HubError):
    """The caller did not say who it is, or the proof is not good."""

    status = 401
    code = "login"


class Forbidden(HubError):
    """The caller is known and not allowed."""

    status = 403
    code = "forbidden"


class NotFound(HubError):
    """There is no such thing here."""

    status = 404
    code = "not-found"


class NotAllowed(HubError):
    """This kind of interaction is not offered here."""

    status = 405
    code = "not-supported"


class Conflict(HubError):
    """The present state does not allow it."""

    status = 409
    code = "conflict"


class PreconditionFailed(HubError):
    """The version that the caller saw is not the current one."""

    status = 412
    code = "conflict"


class TooLarge(HubError):
    """More than the door takes."""

    status = 413
    code = "too-long"


class UnsupportedMedia(HubError):
    """A media type that is not read here."""

    status = 415
    code = "not-supported"


class TooMany(HubError):
    """Too many tries; later is fine."""

    status = 429
    code = "throttled"


class Unavailable(HubError):
    """A neighbour is down: the same call can succeed later."""

    status = 503
    code = "transient"
