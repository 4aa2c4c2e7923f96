"""What the services do when asked: operations, their steps, and where traces begin.

Data only.  `script` has the vocabulary, `unfolding` acts it out.  To add a route, add an operation and an entry; the
names here are the span names of the demo, so that dashboards and tests can count on them.
"""

from __future__ import annotations

from span2metrics.demo import company
from span2metrics.demo.company import FEATURES, LEDGER, PAYMENTS, TOKENS
from span2metrics.demo.script import Call, Charge, Door, Entry, Latency, Operation, Publish, Query, Request, Work

_HOP = Latency(0.6, 0.4)
_FAST = Latency(1.2)
_VERIFY = Call(operation="verify", latency=_HOP)
_POST_ENTRY = Call(operation="post entry", latency=_HOP, approved=True)
_EVENT = Publish(topic="payments.events", latency=Latency(3, 0.5))
_CARDS = ("card", "wallet")

OPERATIONS = {
    # gateway
    "POST payments": Operation(
        "gateway", Door.HTTP, "POST /v1/payments", _FAST, (_VERIFY, Call(operation="create", latency=_HOP)), success=201
    ),
    "GET payment": Operation(
        "gateway",
        Door.HTTP,
        "GET /v1/payments/{payment_id}",
        _FAST,
        (_VERIFY, Call(operation="get", latency=_HOP)),
    ),
    "POST refunds": Operation(
        "gateway",
        Door.HTTP,
        "POST /v1/payments/{payment_id}/refunds",
        _FAST,
        (_VERIFY, Call(operation="refund", latency=_HOP)),
        success=201,
    ),
    "GET balance": Operation(
        "gateway",
        Door.HTTP,
        "GET /v1/accounts/{account_id}/balance",
        _FAST,
        (_VERIFY, Call(operation="balance", latency=_HOP)),
    ),
    "POST payouts": Operation(
        "gateway",
        Door.HTTP,
        "POST /v1/payouts",
        _FAST,
        (_VERIFY, Call(operation="order payouts", latency=_HOP)),
        success=202,
    ),
    "GET healthz": Operation("gateway", Door.HTTP, "GET /healthz", Latency(0.2)),
    # auth
    "verify": Operation(
        "auth",
        Door.RPC,
        "paydemo.auth.v1.AuthService/Verify",
        Latency(1.5),
        (
            Query(operation="GET", collection="token", namespace=TOKENS, latency=Latency(0.4)),
            Work(name="verify signature", latency=Latency(0.8)),
        ),
        failures=((0.01, company.EXPIRED_TOKEN),),
    ),
    # risk
    "score": Operation(
        "risk",
        Door.RPC,
        "paydemo.risk.v1.RiskService/Score",
        Latency(4),
        (
            Query(operation="SELECT", collection="merchants", namespace=FEATURES, latency=Latency(0.9)),
            Work(name="evaluate model", latency=Latency(14, 0.5)),
        ),
        failures=((0.001, company.OUT_OF_MEMORY),),
        declines=0.02,
    ),
    # payments
    "create": Operation(
        "payments",
        Door.RPC,
        "paydemo.payments.v1.PaymentService/CreatePayment",
        Latency(3),
        (
            Call(operation="score", latency=_HOP, retried=0.03),
            Query(operation="SELECT", collection="merchants", namespace=PAYMENTS, latency=_FAST, parallel=True),
            Charge(path="/v2/authorizations", latency=Latency(120, 0.45), methods=_CARDS, approved=True, declines=0.05),
            _POST_ENTRY,
            Query(operation="INSERT", collection="payments", namespace=PAYMENTS, latency=Latency(3)),
            _EVENT,
        ),
        failures=((0.003, company.BUG), (0.008, company.BAD_AMOUNT)),
        business=True,
    ),
    "get": Operation(
        "payments",
        Door.RPC,
        "paydemo.payments.v1.PaymentService/GetPayment",
        _FAST,
        (Query(operation="SELECT", collection="payments", namespace=PAYMENTS, latency=Latency(1.8)),),
        failures=((0.015, company.UNKNOWN_PAYMENT),),
    ),
    "refund": Operation(
        "payments",
        Door.RPC,
        "paydemo.payments.v1.PaymentService/RefundPayment",
        Latency(3),
        (
            Query(operation="SELECT", collection="payments", namespace=PAYMENTS, latency=Latency(1.8)),
            Charge(path="/v2/refunds", latency=Latency(150, 0.45), methods=_CARDS),
            _POST_ENTRY,
            Query(operation="UPDATE", collection="payments", namespace=PAYMENTS, latency=Latency(3)),
            _EVENT,
        ),
        failures=((0.003, company.BUG),),
        business=True,
    ),
    "order payouts": Operation(
        "payments",
        Door.RPC,
        "paydemo.payments.v1.PayoutService/OrderPayouts",
        Latency(5),
        (
            Query(operation="INSERT", collection="payouts", namespace=PAYMENTS, latency=Latency(4)),
            Publish(topic="payouts", fewest=2, most=5, latency=Latency(5, 0.5)),
        ),
        business=True,
    ),
    # ledger
    "post entry": Operation(
        "ledger",
        Door.RPC,
        "paydemo.ledger.v1.LedgerService/PostEntry",
        Latency(1.5),
        (
            Query(operation="SELECT", collection="accounts", namespace=LEDGER, latency=Latency(1.5)),
            Query(operation="INSERT", collection="entries", namespace=LEDGER, latency=Latency(2.5)),
            Query(operation="UPDATE", collection="accounts", namespace=LEDGER, latency=Latency(2)),
        ),
    ),
    "balance": Operation(
        "ledger",
        Door.RPC,
        "paydemo.ledger.v1.LedgerService/GetBalance",
        _FAST,
        (
            Query(operation="SELECT", collection="accounts", namespace=LEDGER, latency=Latency(1.5)),
            Query(operation="SELECT", collection="holds", namespace=LEDGER, latency=Latency(1.8), parallel=True),
        ),
    ),
    "close day": Operation(
        "ledger",
        Door.RPC,
        "paydemo.ledger.v1.LedgerService/CloseDay",
        Latency(2),
        (Query(operation="SELECT", collection="entries", namespace=LEDGER, latency=Latency(45, 0.4)),),
    ),
    # settlement
    "settle": Operation(
        "settlement",
        Door.QUEUE,
        "payments.events",
        Latency(2),
        (
            Charge(path="/v2/captures", latency=Latency(90, 0.4), methods=_CARDS, types=("payment",), approved=True),
            _POST_ENTRY,
        ),
        business=True,
    ),
    "pay out": Operation(
        "settlement",
        Door.QUEUE,
        "payouts",
        Latency(6),
        (Work(name="write bank file", latency=Latency(12)), _POST_ENTRY),
        business=True,
    ),
    "reconcile": Operation(
        "settlement",
        Door.TIMER,
        "reconcile",
        Latency(20),
        (Call(operation="close day", latency=_HOP), Work(name="compare totals", latency=Latency(30, 0.5))),
    ),
    # notifications
    "notify": Operation(
        "notifications",
        Door.QUEUE,
        "payments.events",
        Latency(2),
        (
            Work(name="render receipt", latency=Latency(5)),
            Request(url=company.MAIL_URL, latency=Latency(35, 0.6)),
        ),
    ),
}

ENTRIES = (
    Entry(52, "POST payments"),
    Entry(26, "GET payment"),
    Entry(5, "POST refunds", type="refund"),
    Entry(12, "GET balance"),
    Entry(2, "POST payouts", type="payout"),
    Entry(2.5, "GET healthz"),
    Entry(0.5, "reconcile"),
)
