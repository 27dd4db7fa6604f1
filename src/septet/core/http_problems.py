"""What can go wrong with a request before anybody knows what it asks for."""

from __future__ import annotations

from septet.core.errors import Forbidden, Problem


class MethodNotAllowed(Problem):
    """This path is there, but does not know this method. `Allow` names those that it knows."""

    code = "method_not_allowed"


class NotAcceptable(Problem):
    """What is answered here is of a type that `Accept` rules out."""

    code = "not_acceptable"


class UnsupportedMediaType(Problem):
    """The body is not of a type that this path reads. Send `application/json`, in UTF-8."""

    code = "unsupported_media_type"


class AddressTooLong(Problem):
    """The address that was asked for is longer than this server reads."""

    code = "address_too_long"


class BodyTooLarge(Problem):
    """The body has more bytes than this server reads."""

    code = "body_too_large"


class HeadersTooLarge(Problem):
    """The headers have more bytes than this server reads, or there are too many of them."""

    code = "headers_too_large"


class BodyTimeout(Problem):
    """The body did not arrive in time. Nothing was done."""

    code = "body_timeout"


class CrossSite(Forbidden):
    """A page of another site sent this with the cookie of somebody who is signed in here. Programs send a token."""

    code = "cross_site"
