r"""How secrets are written: what they are called, what stands around them, what they look like.

Names and places: RFC 9110 11.6 (credentials), RFC 6265 (cookies), RFC 9112 5.2 (folded lines),
RFC 3986 3.2.1 (userinfo), TorchServe's key_file.json and its keystore, the settings of AWS, Google,
Azure, Vault, GitLab and Hugging Face, and variables that are named for a secret. Shapes: those that
issuers of tokens document, so that they can be found.

Each form leaves what it finds readable but for the secret, for which it puts ``***``, and never
finds what it left.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

HIDDEN = "***"


@dataclass(frozen=True)
class Form:
    """One way in which secrets are written.

    Attributes:
        words: one of them, in lower case, is in whatever is found: looking for them first costs a
            tenth of the expression.
        expression: finds them.
        shown: what stands in the place of what is found, as `re.sub` takes it.
    """

    words: tuple[str, ...]
    expression: str
    shown: str

    @functools.cached_property
    def found(self) -> re.Pattern[str]:
        """Compile the expression: together they take as long as a small package's import."""
        return re.compile(self.expression)


# What no name of a secret ends with: a language model's tokens, and errors about tokens.
_NO_SECRET = "".join(
    rf"(?<!{word}[_-])"
    for word in (
        *("eos", "bos", "pad", "unk", "sep", "cls", "mask", "max", "min", "stop", "next", "image"),
        *("unexpected", "invalid", "missing", "unknown"),
    )
)
_OF_TOKENS = (
    *("access", "auth", "refresh", "id", "session", "security", "csrf", "xsrf", "vault", "private"),
    *("api", "bearer", "oauth", "client", "service", "deploy", "registry", "user", "bot", "job"),
    *("hf", "hub", "huggingface", "github", "gh", "gitlab", "npm", "pypi", "wandb"),
)
_OF_SECRETS = ("client", "app", "api", "jwt", "webhook", "consumer", "shared", "oauth")
_OF_KEYS = ("api", "secret", "access", "secret[_-]?access", "private", "account", "subscription")
# Whatever stands before a name, such as ``aws_`` or ``x-amz-``, is a part of it.
_NAME = (
    r"(?i:"
    r"(?<!\w)(?:proxy-)?authorization|(?<![A-Za-z0-9])(?:set-)?cookie2?|"
    r"passw(?:or)?d|passphrase|keystore_?pass|"
    r"x-(?:[a-z]+-){0,3}(?:token|secret)|"
    rf"(?<![A-Za-z0-9])(?:{'|'.join(_OF_TOKENS)})[_-]?token|"
    rf"(?:{'|'.join(_OF_SECRETS)})[_-]?secret|"
    rf"(?:{'|'.join(_OF_KEYS)})[_-]?key"
    r")"
    # A variable of an environment.
    rf"|(?<=[A-Z0-9]_)(?i:{_NO_SECRET})(?:TOKEN|SECRET)(?![A-Za-z0-9])"
)
_NAMED = (
    *("authorization", "cookie", "token", "secret", "passw", "passphrase", "keystore", "api-key"),
    *("api_key", "apikey", "access_key", "access-key", "accesskey", "private_key", "private-key"),
    *("privatekey", "account_key", "account-key", "accountkey", "subscription-key"),
)
_BEFORE = r"[\w.-]{0,40}?"
# A quote as it stands in JSON, in JSON within JSON (with backslashes before it), or in a printed
# mapping; what is quoted ends at the like of it, or with the line where it was cut off. A shell has
# a quote within its quotes as '"'"'.
_EDGE = r"\\*[\"']"
_OPENED = rf"(?P<quote>{_EDGE})"
_ENDED = r"(?<!\\)(?P=quote)"
_QUOTED = rf"(?!\*\*\*|(?P=quote))(?:'\"'\"'|[^\r\n])*?(?={_ENDED}(?!\"'\"')|[\r\n]|\Z)"
_ELEMENT = rf"(?!\*\*\*)(?:(?!{_ENDED})[^\r\n])*"
# A query, a form and a connection string go on with another name.
_WORD = r"(?:[^\s&;\"']|[&;](?![\w.-]+=))+"
_UNQUOTED = r"(?![*]{3}|[\"'\\])[^\s\"']+"
# What stands for a value in a line of a program, as tracebacks have them.
_CODE = (
    r"(?!(?:(?:None|null|true|false|str|bytes|self)|[\w.]*(?P=called))(?![\w~+/-])|"
    r"(?<= )(?:[A-Z]\w*\[|[A-Za-z_]\w*\.[\w.]*\())"
)
# After an option of a command, and not where somebody writes about it.
_PROSE = r"(?!(?:is|or|and|must|needs?|takes?|was|to|has|with|may|can|requires?)\b)"
_OPTION = (
    rf"--[\w-]{{0,40}}?(?i:{_NO_SECRET}token|passw(?:or)?d|passphrase|secret|"
    r"(?:api|access|secret|private)[_-]?key)"
)

WHOLE = (
    # A private key, which has lines of its own, or is one text with their ends as \n.
    Form(
        ("private key",),
        r"(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)(?!\*\*\*).*?(?=-----END|\Z)",
        rf"\1{HIDDEN}",
    ),
    # A header's own line, with those that go on with it.
    Form(
        _NAMED,
        (
            rf"(?m)(^[<>*\t ]{{0,3}}{_BEFORE}(?:{_NAME}):[ \t]*+)(?!\*\*\*)"
            r"(?:[^\s][^\r\n]*)?(?:\r?\n[ \t]+[^\s][^\r\n]*)+"
        ),
        rf"\1{HIDDEN}",
    ),
    # As TorchServe's key_file.json has them.
    Form(
        ('"key', "'key'"),
        (
            rf"({_EDGE}(?:management|inference|API){_EDGE}\s*:\s*\{{\s*{_EDGE}key{_EDGE}\s*:\s*{_EDGE})"
            r"(?!\*\*\*)[^\"'\\]+"
        ),
        rf"\1{HIDDEN}",
    ),
    # A variable of a container, in YAML and in JSON.
    Form(
        _NAMED,
        (
            rf"(\bname\\*[\"']?\s*:\s*\\*[\"']?{_BEFORE}(?:{_NAME})\\*[\"']?\s*,?\s*"
            rf"\\*[\"']?\bvalue\\*[\"']?\s*:\s*+\\*+[\"']?+)(?!\*\*\*)[^\r\n\"'\\]+"
        ),
        rf"\1{HIDDEN}",
    ),
)
"""Forms that may go over several lines."""

_IN_NAMES = (
    # As a member of JSON or of a printed mapping.
    rf"((?:{_NAME})\\*[\"']\s*(?::|=>?)\s*[bru]?{_OPENED}){_QUOTED}",
    # As a pair of a list of headers, which a list of names is not, and in a printed command.
    rf"(\(b?[\"']{_BEFORE}(?:{_NAME})[\"'],\s*b?{_OPENED})(?!(?:{_NAME})[\"']){_QUOTED}",
    (
        rf"(\[\s*\\*[\"']{_BEFORE}(?:{_NAME})\\*[\"'],\s*{_OPENED})"
        rf"(?!(?:{_NAME})\\*[\"']){_ELEMENT}(?={_ENDED}\s*\]|\Z)"
    ),
    rf"(\\*[\"']{_OPTION}\\*[\"'],\s*{_OPENED}){_QUOTED}",
    # As a header in quotes, as in a curl line, as a variable that is quoted as a whole, and as a
    # header or a line of YAML wherever it begins.
    rf"({_OPENED}{_BEFORE}(?:{_NAME})(?:: *+|=)){_QUOTED}",
    (
        # Where the ends of lines are escaped, in JSON and in printed bytes, these follow a letter.
        r"(\\[nr](?i:(?:proxy-)?authorization|(?:set-)?cookie2?):[ \t]*+)(?!\*\*\*)"
        r"[^\r\n]*?(?=\\+[nr]|[\r\n]|\Z)"
    ),
    rf"(?<![\"'])((?P<called>{_NAME}):[ \t]*+)(?!\*\*\*){_CODE}[^\s][^\r\n]*",
    # As an assignment: of a shell, of a file of properties, in a log, in a query, in a form.
    rf"((?:{_NAME})[ \t]*=[ \t]*{_OPENED}){_QUOTED}",
    rf"((?<![A-Z0-9_])[A-Z0-9_]{{0,40}}(?:TOKEN|SECRET|PASSWORD|_KEY)[ \t]*=[ \t]*+){_UNQUOTED}",
    rf"((?P<called>{_NAME})[ \t]*=[ \t]*+)(?![*]{{3}}|[\"'\\]){_CODE}{_WORD}",
    # As an option of a command.
    rf"({_OPTION}(?:=|[ \t]++){_OPENED}){_QUOTED}",
    rf"({_OPTION}(?:=|[ \t]++){_PROSE}(?!-)){_UNQUOTED}",
    # A token that is called nothing else, where it looks like one and not like a word.
    (
        r"((?i:(?<![A-Za-z0-9_-])(?:token|secret))\\*[\"']?\s*[:=]\s*\\*[\"']?)"
        r"(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[A-Za-z])[\w.~+/-]{16,}=*"
    ),
)

IN_A_LINE = (
    *(Form(_NAMED, each, rf"\1{HIDDEN}") for each in _IN_NAMES),
    # What credentials look like wherever they are; "basic tensors" and "Basic authentication"
    # are prose.
    Form(
        ("bearer", "basic"),
        r"\b(Bearer|Basic|(?i:bearer|basic)(?= +\S*\d)) +(?!auth)[A-Za-z0-9._~+/=-]{6,}",
        rf"\1 {HIDDEN}",
    ),
    # In a query, a fragment or a form, the signatures of object stores among them.
    Form(
        ("token=", "key=", "sig", "credential="),
        (
            r"(?i)((?:^|[?&#])(?:token|(?<=[?&])key|sig|"
            r"(?:x-(?:amz|goog)-)?(?:signature|credential|security-token))=)(?!\*\*\*)[^&\s'\"#]+"
        ),
        rf"\1{HIDDEN}",
    ),
    # The user of a curl line, whose password follows a colon; numbers are a container's.
    *(
        Form(
            (" -u", "--user", "--proxy-user"),
            rf"((?:\bcurl\b[^\r\n]{{0,1000}}?\s-u *+|--(?:proxy-)?user[ =]){each}",
            rf"\1{HIDDEN}",
        )
        for each in (
            rf"{_OPENED}[^\s:\"']+:){_QUOTED}",
            rf"(?!\d+:\d+\b)[^\s:\"']+:){_UNQUOTED}",
        )
    ),
    # In an address. A password may hold what must be escaped there, so that the last @ ends it; no
    # port does, nor an IPv6 address, nor the version of a package.
    Form(
        ("@",),
        (
            r"(://)(?!\*\*\*@|\[)(?:[^/\s@?#'\"<>:]*:(?!\d{1,5}(?:[/?#,\s'\"]|\Z))[^\s'\"<>]*"
            r"(?<!\.git)@|[^/\s@?#'\"]+@)"
        ),
        rf"\1{HIDDEN}@",
    ),
    # By their shapes.
    *(
        Form((words,) if isinstance(words, str) else words, shape, HIDDEN)
        for words, shape in (
            ("eyj", r"\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*){0,3}"),
            (("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
            (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{16,}"),
            ("github_pat_", r"\bgithub_pat_\w{16,}"),
            ("glpat-", r"\bglpat-[\w-]{16,}"),
            ("hf_", r"\bhf_(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{16,}"),
            ("aiza", r"\bAIza[\w-]{30,}"),
            ("ya29.", r"\bya29\.[\w-]{16,}"),
            ("xox", r"\bxox[abeoprs]-[\w-]{10,}"),
            ("hvs.", r"\bhvs\.[\w-]{16,}"),
            ("sk-", r"\bsk-(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}"),
            ("npm_", r"\bnpm_[A-Za-z0-9]{30,}"),
            ("pypi-", r"\bpypi-[\w-]{40,}"),
            ("dckr_pat_", r"\bdckr_pat_[\w-]{16,}"),
        )
    ),
)
"""Forms of one line."""

WORDS = tuple(dict.fromkeys(word for form in (*WHOLE, *IN_A_LINE) for word in form.words))

NAME = re.compile(rf"(?:{_NAME})\Z")
"""Finds whether something is called a secret."""
