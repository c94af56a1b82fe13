// SPDX-License-Identifier: Apache-2.0
internal import SQLite

extension StoreHealth {
    /// What a fault of a database means for whoever has to write to it before a signature.
    init(after error: SQLiteError, in file: SQLiteFile) {
        let noun = file.format.noun
        self =
            switch error.kind {
            case .full:
                .suspended(
                    reason: "no space left for the \(noun) \(file.path); free some, signing resumes by itself"
                )
            case .syncFailed:
                .rewriting(
                    reason:
                        "a sync of the \(noun) \(file.path) failed (\(error.message)); it is being rewritten to a new "
                        + "file, look at the disk"
                )
            case .corrupt:
                .unusable(
                    reason: "the \(noun) \(file.path) is damaged (\(error.message)); \(file.format.remedyWhileRunning)"
                )
            case .inputOutput, .busy, .cannotOpen, .constraint, .other:
                .suspended(reason: "the \(noun) \(file.path) cannot be written: \(error)")
            }
    }

    var recoversByItself: Bool {
        switch self {
        case .suspended, .rewriting: true
        case .ready, .unusable: false
        }
    }
}
