// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer
internal import SlashingProtection

extension APIOperation {
    static let administration: [APIOperation] =
        [
            APIOperation(
                .post,
                RoutePattern(AccessRoutes.rootTokenPath),
                scope: .rootToken,
                on: .administration,
                tag: .administration,
                "createRootToken",
                "Make a management token",
                text: "It allows everything. `containment-chamber operator generate-root-token` asks for one.",
                body: Body(.rootTokenWanted),
                answers: [
                    .json(.createdToken, "It is made. Its secret is in this answer only.", status: 201),
                    .json(ProposedDocument.schema, "Operators have to approve it first.", status: 202),
                ],
                refusals: [
                    .unknownProposal, .notApproved, .tooManyProposals, .chamberFailed,
                    .invalidRequest, .limitReached, .versionConflict, .stateUnavailable, .sealed, .catalogueRefused,
                ] + ErrorCode.audited,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .get,
                RoutePattern(AccessRoutes.rowsPath),
                scope: .rootToken,
                on: .administration,
                tag: .administration,
                "reviewAccessRows",
                "Show what becomes of each row of policies and tokens where they are accepted",
                text: "Where the catalogue fails: docs/access.md.",
                answers: [.json(RowReview.schema, "Rows that would count, and rows that would be deleted.")],
                refusals: [.stateUnavailable, .sealed],
                isStrictAboutAccept: true
            ),
            APIOperation(
                .post,
                RoutePattern(AccessRoutes.rowsPath),
                scope: .rootToken,
                on: .administration,
                tag: .administration,
                "acceptAccessRows",
                "Make a new catalogue of the rows whose own tags are right, and delete the others",
                text: "`containment-chamber operator generate-root-token --accept-access-rows` shows them and asks.",
                body: Body(.rowsAccepted),
                answers: [
                    .json(RowReview.schema, "What was done."),
                    .json(ProposedDocument.schema, "Operators have to approve it first.", status: 202),
                ],
                refusals: [
                    .invalidRequest, .rowsChanged, .stateUnavailable, .sealed, .unknownProposal, .notApproved,
                    .tooManyProposals, .chamberFailed,
                ] + ErrorCode.audited,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .post,
                RoutePattern(ChamberRoutes.unsealPath),
                scope: .chamberAdministration,
                on: .administration,
                tag: .administration,
                "unsealChamberLocally",
                "Take back the order to seal where no token is left that may",
                text: "`containment-chamber operator unseal -c config.yaml` asks for it.",
                answers: [.json(ChamberDocument.schema, "It has opened, or says why not.")],
                refusals: [
                    .uninitialized, .versionConflict, .stateUnavailable, .sealed, .custodyUnavailable, .chamberFailed,
                ]
                    + ErrorCode.audited,
                isStrictAboutAccept: true
            ),
            APIOperation(
                .get,
                RoutePattern(AuditRoutes.path),
                scope: .auditHead,
                on: .administration,
                tag: .administration,
                "showAuditHead",
                "Say where the chain of the audit file was anchored",
                text: "`containment-chamber audit verify` asks for it.",
                answers: [.json(.object([], isClosed: false), "The anchor, as docs/formats.md has it.")],
                refusals: [.notAnchored]
            ),
        ] + RecordAdministration.Command.allCases.map(record)

    /// A task of the record. A task without a line here does not build.
    private static func record(_ command: RecordAdministration.Command) -> APIOperation {
        func operation(
            _ word: String,
            _ summary: String,
            _ parameters: [Parameter] = [],
            body: Body? = nil,
            answer schema: Schema,
            _ text: String
        ) -> APIOperation {
            APIOperation(
                .post,
                RoutePattern(RecordAdministration.path + command.rawValue),
                scope: .recordAdministration,
                on: .administration,
                tag: .administration,
                word,
                summary,
                parameters: parameters,
                body: body,
                answers: [.json(schema, text)],
                refusals: [.notDone] + ErrorCode.audited
            )
        }
        let validators = Body(.recordValidators, "Public keys.")
        switch command {
        case .take:
            return operation(
                "importHistories",
                "Take histories",
                [.query("dry_run", .boolean, "Only says what would happen.")],
                body: Body(.interchange),
                answer: ImportReport.schema,
                "What was taken, validator by validator."
            )
        case .outline:
            return operation(
                "listValidators",
                "List whose histories there are",
                answer: OutlineDocument.schema,
                "Public keys."
            )
        case .give:
            return operation(
                "exportHistories",
                "Give histories",
                body: validators,
                answer: .interchange,
                "The histories."
            )
        case .verify:
            return operation(
                "verifyHistories",
                "Look for contradictions in histories",
                body: validators,
                answer: VerificationReport.schema,
                "What was found."
            )
        case .prune:
            return operation(
                "prune",
                "Delete old history",
                [.query("keep_epochs", .uint64, "Counted from each validator's newest entry.", isRequired: true)],
                body: validators,
                answer: PruningReport.schema,
                "What was deleted."
            )
        case .status:
            return operation("showRecord", "Say what the record holds", answer: RecordStatus.schema, "Its state.")
        case .watermark:
            return operation(
                "watermark",
                "Show, set or clear the high watermark, or raise the low ones",
                [
                    .query("action", .words(["set_high", "clear_high", "raise_low"]), "Without it the mark is shown."),
                    .query("slot", .uint64, "For set_high and raise_low."),
                    .query("epoch", .uint64, "For set_high and raise_low."),
                ],
                answer: .anyOf([HighWatermarkDocument.schema, .raisedWatermarks]),
                "The high watermark, or how many validators were raised."
            )
        case .count:
            return operation(
                "countHistories",
                "Count what is kept of some validators",
                body: validators,
                answer: RecordCount.schema,
                "How much there is."
            )
        case .disable:
            return operation(
                "disableValidators",
                "Let nothing of some validators be signed by any signer of the record",
                body: validators,
                answer: EnablingReport.schema,
                "What came of each."
            )
        case .enable:
            return operation(
                "enableValidators",
                "Take that back",
                [
                    .query(
                        "ground",
                        .words(["owner", "import"]),
                        "owner: what this instance has disabled. import: whatever was disabled, because its history was brought here.",
                        isRequired: true
                    )
                ],
                body: validators,
                answer: EnablingReport.schema,
                "What came of each."
            )
        case .disabled:
            return operation(
                "listDisabledValidators",
                "List who is disabled, and by whom",
                body: Body(.recordValidators, "Public keys; without a body, all."),
                answer: .list(DisabledDocument.schema),
                "The disabled ones."
            )
        case .reconcile:
            return operation(
                "reconcile",
                "Merge floors and end the alarm of this instance",
                [.query("accept_clock_floor", .boolean, "For instances whose floors cannot be had.")],
                answer: ReconcileReport.schema,
                "What was merged, and what is missing."
            )
        }
    }
}
