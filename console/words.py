"""Words for things and forms that stand as facts in error messages: listed here to be translated.

An error says ``{what}: expected {want}``; its facts stay English for programs, and ``console.i18n.describe``
looks these words up when it speaks to a person. A word that is missing here is shown as it stands.
"""

from __future__ import annotations

from console.i18n import N_

FORMS = (
    N_("object"),
    N_("list"),
    N_("string"),
    N_("integer"),
    N_("boolean"),
    N_("http:// or https://"),
    N_("missing"),
    N_("expected https in production"),
    N_("expected scheme://host[:port]"),
    N_("not a URL"),
    N_("not a store that obstore knows"),
)
THINGS = (
    N_("access record"),
    N_("account"),
    N_("checkpoint"),
    N_("consistency proof"),
    N_("disclosure"),
    N_("dossier"),
    N_("entry"),
    N_("grant"),
    N_("header"),
    N_("inclusion proof"),
    N_("item"),
    N_("key card"),
    N_("key ring"),
    N_("key store"),
    N_("own document"),
    N_("parcel"),
    N_("payload"),
    N_("phrase"),
    N_("presentation"),
    N_("proof"),
    N_("receipt"),
    N_("root"),
    N_("secret key"),
    N_("session"),
    N_("show code"),
    N_("signature"),
    N_("status list"),
    N_("subject"),
    N_("trust file"),
    N_("value"),
)
