// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import SlashingProtection

/// All histories of a record, part by part; the next part is read while the caller works on the last one. Each validator is
/// as it was at one moment; validators that come while this goes on are read at the end.
struct HistoryReading: ~Copyable {
    /// Blocks and attestations of a part: some ten megabytes.
    static let entriesOfPart = 60_000

    private typealias Part = Result<Interchange, Failure>

    private let session: RecordSession
    let genesisValidatorsRoot: Root
    private var known: Set<RecordIdentity>
    private var pending: ArraySlice<RecordIdentity>
    private var next: Task<Part, Never>?
    private var hasLookedAgain = false
    private var parts = PartSize()
    /// Validators that the record had at the start.
    let total: Int

    init(_ session: RecordSession) async throws(Failure) {
        let outline = try await session.outline()
        self.session = session
        genesisValidatorsRoot = outline.genesisValidatorsRoot
        known = Set(outline.validators)
        pending = outline.validators[...]
        total = outline.validators.count
    }

    /// The next part; nil behind the last.
    mutating func next() async throws(Failure) -> Interchange? {
        if next == nil { try await ask() }
        guard let part = try await next?.value.get() else { return nil }
        next = nil
        parts.saw(validators: part.validators.count, entries: part.entries)
        try await ask()
        return part
    }

    private mutating func ask() async throws(Failure) {
        if pending.isEmpty, !hasLookedAgain {
            hasLookedAgain = true
            pending = try await session.outline().validators.filter { known.insert($0).inserted }[...]
        }
        guard !pending.isEmpty else { return }
        let keys = Array(pending.prefix(parts.validators))
        pending = pending.dropFirst(keys.count)
        next = Task { [session] in
            do throws(Failure) { return .success(try await session.give(keys)) } catch { return .failure(error) }
        }
    }
}

/// How many validators make a part, by what the last ones held.
struct PartSize {
    private(set) var validators = 8

    mutating func saw(validators count: Int, entries: Int) {
        let each = max(1, entries / max(1, count))
        validators = min(max(HistoryReading.entriesOfPart / each, 1), 500, validators * 4)
    }
}

extension Interchange {
    /// Blocks and attestations.
    var entries: Int { blocks + attestations }
    var blocks: Int { validators.reduce(0) { $0 + $1.blocks.count } }
    var attestations: Int { validators.reduce(0) { $0 + $1.attestations.count } }
}

extension RecordSession {
    /// Works on validators part by part and says how far it is.
    ///
    /// - Parameter work: does one part; gives how many entries it went through.
    func inParts(
        _ what: String,
        _ validators: [RecordIdentity],
        _ work: ([RecordIdentity]) async throws(Failure) -> Int
    ) async throws(Failure) {
        var line = ProgressLine(what, total: validators.count)
        var size = PartSize()
        var rest = validators[...]
        while !rest.isEmpty {
            let keys = Array(rest.prefix(size.validators))
            rest = rest.dropFirst(keys.count)
            size.saw(validators: keys.count, entries: try await work(keys))
            line.reached(validators.count - rest.count)
        }
    }

    func outline() async throws(Failure) -> RecordOutline {
        guard case .outline(let outline) = try await run(.outline) else { throw Failure("\(place) gave no list") }
        return outline
    }

    func give(_ keys: [RecordIdentity]) async throws(Failure) -> Interchange {
        guard case .given(let part) = try await run(.give(keys)) else { throw Failure("\(place) gave no history") }
        return part
    }

    func take(_ part: Interchange, dryRun: Bool = false) async throws(Failure) -> ImportReport {
        guard case .taken(let report) = try await run(.take(part, dryRun: dryRun)) else {
            throw Failure("\(place) took no history")
        }
        return report
    }

    /// Who is disabled in the record.
    func disabled() async throws(Failure) -> [RecordIdentity] {
        guard case .disabled(let disabled) = try await run(.disabled(among: nil)) else {
            throw Failure("\(place) gave no list")
        }
        return disabled.map(\.record)
    }

    func verify(_ keys: [RecordIdentity]) async throws(Failure) -> VerificationReport {
        guard case .verified(let report) = try await run(.verify(keys)) else { throw Failure("\(place) said nothing") }
        return report
    }
}
