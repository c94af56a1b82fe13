// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Signer
import SlashingProtection
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1)))
struct DisabledKeysTests {
    /// A record that knows who is disabled, and whose first reading is late.
    private final class SlowRecord: RecordStore {
        private let state = Lock((disabled: [RecordIdentity](), readings: 0, isReadable: true))
        let gate = Gate()

        func put(_ disabled: [RecordIdentity]) { state.withLock { $0.disabled = disabled } }
        func fail() { state.withLock { $0.isReadable = false } }

        func decide(_ batch: DutyBatch) async -> [Verdict] { batch.records.map { _ in .recorded } }
        var health: StoreHealth { .ready }

        func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
            let (disabled, readings, isReadable) = state.withLock { state in
                state.readings += 1
                return (state.disabled, state.readings, state.isReadable)
            }
            guard isReadable else { throw .storage(reason: "it cannot be read") }
            if readings == 1 { await gate.pass() }
            return .disabled(disabled.map { DisabledValidator($0, by: nil) })
        }

        func close() async {}
    }

    private struct House {
        let record = SlowRecord()
        let authority = Authority()
        let key: SigningKey
        let keyring: Keyring
        let disabled: DisabledKeys

        init() throws {
            key = try signingKey(1)
            keyring = Keyring([key])
            let logger = Logger(filter: LogFilter(nil), format: .text) { _ in }
            disabled = DisabledKeys(keyring, authority, SlashingProtection(store: record), logger)
        }
    }

    @Test func `an older reading does not give back a key that was disabled since`() async throws {
        let house = try House()
        let watching = Task { try await house.disabled.refresh() }
        await house.record.gate.arrivals(1)
        house.record.put([house.key.record])
        let command = Task { await house.disabled.follow(.disable([house.key.record], by: nil)) }
        for _ in 0..<1000 { await Task.yield() }
        house.record.gate.open()
        await command.value
        #expect(house.keyring.disabled == [house.key.identifier])
        try await watching.value
        #expect(house.keyring.disabled == [house.key.identifier])
    }

    @Test func `whoever finds a key disabled waits as well for what is under way with it`() async throws {
        let house = try House()
        house.record.gate.open()
        house.record.put([house.key.record])
        let underWay = house.authority.enter()
        let watching = Task { try await house.disabled.refresh() }
        while house.keyring.disabled.isEmpty { await Task.yield() }
        let isAnswered = Lock(false)
        let command = Task {
            await house.disabled.follow(.disable([house.key.record], by: nil))
            isAnswered.withLock { $0 = true }
        }
        for _ in 0..<1000 { await Task.yield() }
        #expect(!isAnswered.withLock { $0 }, "a request of before is still under way")
        house.authority.leave(underWay)
        await command.value
        try await watching.value
    }

    @Test func `a key that was disabled here stops also where the record cannot be read behind that`() async throws {
        let house = try House()
        house.record.fail()
        await house.disabled.follow(.disable([house.key.record], by: nil))
        #expect(house.keyring.disabled == [house.key.identifier])
    }
}
