// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct ChamberMachineTests {
    private typealias Attempt = ChamberMachine.Attempt

    private func observed(_ version: UInt64?, sealed: Bool = false) -> ChamberMachine.Event {
        .observed(.init(version: version, isSealOrdered: sealed))
    }

    private func first(_ version: UInt64 = 1) -> Attempt { Attempt(number: 1, version: version) }

    @Test func `without a record there is nothing to open`() {
        var machine = ChamberMachine()
        #expect(machine.handle(observed(nil)) == [] && machine.state == .uninitialized)
        #expect(machine.handle(.opened(first())) == [] && machine.state == .uninitialized)
        #expect(machine.handle(.pauseEnded) == [])
    }

    @Test func `every start is sealed, and opens by itself`() {
        var machine = ChamberMachine()
        #expect(machine.handle(observed(7)) == [.open(first(7))])
        #expect(machine.state == .sealed && machine.reason == nil)
        #expect(machine.handle(observed(7)) == [])
        #expect(machine.handle(.opened(first(7))) == [] && machine.state == .unsealed)
    }

    @Test func `what passes is tried again after growing pauses, what does not stands still`() {
        var machine = ChamberMachine()
        _ = machine.handle(observed(1))
        var attempt = first()
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let pause = machine.handle(.failed(attempt, reason: "two of three keys", passes: true))
            #expect(pause == [.pause(.seconds(seconds))] && machine.reason == "two of three keys")
            attempt = Attempt(number: attempt.number + 1, version: 1)
            #expect(machine.handle(.pauseEnded) == [.open(attempt)])
        }
        #expect(machine.handle(.failed(attempt, reason: "tampered", passes: false)) == [])
        #expect(machine.handle(.pauseEnded) == [] && machine.state == .sealed && machine.reason == "tampered")
        // Until something changes.
        #expect(machine.handle(observed(1)) == [])
        #expect(machine.handle(observed(2)) == [.open(Attempt(number: 9, version: 2))])
    }

    @Test func `an order to seal closes, and holds until it is taken back`() {
        var machine = ChamberMachine()
        _ = machine.handle(observed(1))
        _ = machine.handle(.opened(first()))
        #expect(machine.handle(observed(1, sealed: true)) == [.close])
        #expect(machine.state == .sealed && machine.reason == ChamberMachine.sealOrdered)
        #expect(machine.handle(observed(2, sealed: true)) == [])
        #expect(machine.handle(observed(2)) == [.open(Attempt(number: 2, version: 2))])
    }

    @Test func `an order to seal calls off what is being opened, and what that brings opens nothing`() {
        var machine = ChamberMachine()
        _ = machine.handle(observed(1))
        #expect(machine.handle(observed(1, sealed: true)) == [.close])
        #expect(machine.handle(observed(1)) == [.open(Attempt(number: 2, version: 1))])
        #expect(machine.handle(.opened(first())) == [] && machine.state == .sealed)
        #expect(machine.handle(.failed(first(), reason: "late", passes: true)) == [] && machine.reason == nil)
        #expect(machine.handle(.opened(Attempt(number: 2, version: 1))) == [] && machine.state == .unsealed)
    }

    @Test func `a start under an order to seal opens nothing`() {
        var machine = ChamberMachine()
        #expect(machine.handle(observed(1, sealed: true)) == [] && machine.state == .sealed)
        #expect(machine.reason == ChamberMachine.sealOrdered)
    }

    @Test func `a record that changes is opened anew, or held against the key in memory`() {
        var machine = ChamberMachine()
        _ = machine.handle(observed(1))
        #expect(machine.handle(observed(2)) == [.close, .open(Attempt(number: 2, version: 2))])
        _ = machine.handle(.opened(Attempt(number: 2, version: 2)))
        #expect(machine.handle(observed(3)) == [.check(Attempt(number: 2, version: 3))])
        #expect(machine.state == .unsealed)
        #expect(machine.handle(.failed(Attempt(number: 2, version: 3), reason: "edited", passes: false)) == [.close])
        #expect(machine.state == .sealed && machine.reason == "edited")
    }

    @Test func `a record that is gone leaves an open chamber open, and tells it once`() {
        var machine = ChamberMachine()
        _ = machine.handle(observed(1))
        _ = machine.handle(.opened(first()))
        #expect(machine.handle(observed(nil)) == [.warnOfLoss] && machine.state == .unsealed)
        #expect(machine.handle(observed(nil)) == [])
        // And calls off what is being opened.
        var other = ChamberMachine()
        _ = other.handle(observed(1))
        #expect(other.handle(observed(nil)) == [.close] && other.state == .uninitialized)
    }

    /// Whatever comes in whatever order: open only by the attempt that was asked for last, and only once.
    @Test func `no order of events opens what was called off`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var machine = ChamberMachine()
            var asked: [Attempt] = []
            var standing: Attempt?
            for _ in 0..<40 {
                let event: ChamberMachine.Event =
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0: observed(nil)
                    case 1, 2: observed(UInt64.random(in: 1...3, using: &random))
                    case 3: observed(UInt64.random(in: 1...3, using: &random), sealed: true)
                    case 4: .pauseEnded
                    case 5: .failed(asked.randomElement() ?? first(), reason: "no", passes: .random(using: &random))
                    default: .opened(asked.randomElement() ?? first())
                    }
                let wasOpen = machine.state == .unsealed
                let actions = machine.handle(event)
                if !wasOpen, machine.state == .unsealed {
                    guard case .opened(let attempt) = event, attempt == standing else {
                        Issue.record("opened by \(event), asked for \(String(describing: standing))")
                        return
                    }
                }
                if case .failed(let attempt, _, _) = event, attempt == standing { standing = nil }
                for action in actions {
                    switch action {
                    case .open(let attempt):
                        asked.append(attempt)
                        standing = attempt
                    case .close: standing = nil
                    default: break
                    }
                }
                // What is asked for behind a `close` of the same answer stands.
                if case .open(let attempt)? = actions.last { standing = attempt }
            }
        }
    }
}
