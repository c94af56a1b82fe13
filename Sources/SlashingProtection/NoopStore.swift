// SPDX-License-Identifier: Apache-2.0

/// No protection at all: every message is allowed, nothing is kept. For tests and for keys that are protected elsewhere;
/// the daemon says so loudly at every start.
package struct NoopStore: RecordStore {
    package init() {}

    package func decide(_ batch: DutyBatch) async -> [Verdict] {
        batch.records.map { _ in .recorded }
    }

    package var health: StoreHealth { .ready }

    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        throw .unsupported(backend: "noop")
    }

    package func close() async {}
}
