// SPDX-License-Identifier: Apache-2.0
internal import SlashingProtection

/// The histories of a file, part by part; the next part is read while the caller works on the last one.
struct HistoryParts: ~Copyable {
    private let file: InterchangeFile
    private var rest: ArraySlice<[Int]>
    private var next: Task<Result<Interchange, StoreError>, Never>?

    /// - Parameter togetherByKey: whether elements for one key come together, out of the order of the file.
    init(_ file: InterchangeFile, togetherByKey: Bool = false) {
        self.file = file
        rest = file.parts(entries: HistoryReading.entriesOfPart, togetherByKey: togetherByKey)[...]
        ask()
    }

    /// The next part; nil behind the last.
    mutating func next() async throws(Failure) -> Interchange? {
        guard let next else { return nil }
        let result = await next.value
        ask()
        do throws(StoreError) { return try result.get() } catch { throw Failure("\(error)") }
    }

    private mutating func ask() {
        next = rest.popFirst().map { numbers in
            Task { [file] in
                do throws(StoreError) {
                    return .success(file.part(try file.histories(numbers)))
                } catch {
                    return .failure(error)
                }
            }
        }
    }
}

extension InterchangeFile {
    /// Some of its histories.
    func part(_ histories: [ValidatorRecord]) -> Interchange {
        Interchange(genesisValidatorsRoot: genesisValidatorsRoot, validators: histories)
    }
}
