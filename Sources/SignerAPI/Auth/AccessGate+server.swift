// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
package import HTTPServer
internal import Signer
internal import Telemetry

extension AccessGate {
    /// Hears of a request that the server itself refused, on whichever port: it leaves a line and a count like those that
    /// the gate refuses, and a canary that it names is noticed where the gate was not asked.
    package func refused(_ request: RefusedRequest) {
        count(request.refusal.code)
        let source = request.head.map(address) ?? request.peer.address
        let caller = Caller.peer(shown(source, request.peer))
        let canary = request.refusal.precedesGate ? request.path.flatMap { canaries.canary(inPath: $0) } : nil
        var event = AuditEvent(
            .access(method: request.head?.method.name ?? "*", path: String((request.path ?? "*").prefix(256))),
            .refused(code: request.refusal.code, detail: request.refusal.message)
        )
        event.caller = caller.kind
        event.peer = caller.description
        event.key = canary?.bytes
        event.isCanary = canary != nil
        let repeated = RepeatedRefusal(caller, from: source, nil, code: request.refusal.code, canary: canary)
        let isTold = tell(event, repeated)
        if let canary { canaries.notice(canary, caller, isTold: isTold) }
    }
}
