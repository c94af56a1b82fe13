// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Audit
internal import Authorization
internal import Concurrency
internal import Configuration
internal import Encoding
internal import Files
internal import Foundation
internal import HTTPClient
internal import SignerAPI
internal import SignerState

/// `audit verify`: walks the chain through all audit files and holds its end against the anchored head.
enum AuditCommands {
    static func verify(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let place: AuditPlace
        let anchoring: AuditVerifier.Anchoring
        if let path = invocation["file"] {
            place = AuditPlace(path)
            anchoring = .unknown("with --file nothing says where the chain ended; verify with --config")
        } else {
            let configuration = try invocation.configuration()
            guard let path = configuration.audit.path else {
                throw Failure(
                    "this configuration keeps no audit file",
                    hint: "audit.path names one; --file PATH verifies any",
                    exitCode: .usage
                )
            }
            place = AuditPlace(path)
            anchoring = try await self.anchoring(configuration, place)
        }
        let result = await Blocking.run(name: "verify") { () -> Result<AuditReport, FileProblem> in
            Result { () throws(FileProblem) in try walk(place, anchoring) }
        }
        let report: AuditReport
        do throws(FileProblem) { report = try result.get() } catch { throw Failure("\(error)") }
        if invocation.isSet("json") { Output.json(report) } else { show(report) }
        switch report.status {
        case .intact: return .success
        case .unproven: return .partial
        case .broken: return .failure
        }
    }

    private static func walk(
        _ place: AuditPlace,
        _ anchoring: AuditVerifier.Anchoring
    ) throws(FileProblem) -> AuditReport {
        var line: ProgressLine?
        let verifier = AuditVerifier(place, against: anchoring, rest: { Thread.sleep(forTimeInterval: 0.05) }) {
            finished,
            total in
            if line == nil { line = ProgressLine("verifying", total: total >> 20, "MiB", unit: "MiB") }
            line?.reached(finished >> 20)
        }
        return try verifier.run()
    }

    // MARK: The anchor

    /// What is known of the head: from the running signer, else from the signer state. Asked before a line is read, so that
    /// what is written meanwhile cannot look as if it were missing.
    private static func anchoring(
        _ configuration: Configuration,
        _ place: AuditPlace
    ) async throws(Failure) -> AuditVerifier.Anchoring {
        let socket = configuration.adminSocketPath
        if FileManager.default.fileExists(atPath: socket), let answer = await ask(socket) { return answer }
        let chain: Bytes<16>?
        do throws(FileProblem) { chain = try AuditVerifier.chain(at: place, in: SystemFiles()) } catch {
            throw Failure("\(error)")
        }
        // The walk will say what is wrong with it.
        guard let chain else { return .unknown("the files do not say which chain they are") }
        // Opening would make it.
        let path = configuration.signerStatePath
        if configuration.signerState.backend == .sqlite, !FileManager.default.fileExists(atPath: path) {
            return .unknown("there is no signer state at \(path)")
        }
        let state: any StateStore
        do throws(Failure) { state = try await OpenedState.open(configuration) } catch {
            return .unknown("the signer state cannot be opened: \(error.message)")
        }
        let answer: AuditVerifier.Anchoring
        do throws(StateError) { answer = try await look(for: chain, in: state, configuration, place) } catch {
            answer = .unknown("\(error)")
        }
        await state.close()
        return answer
    }

    private static func look(
        for chain: Bytes<16>,
        in state: any StateStore,
        _ configuration: Configuration,
        _ place: AuditPlace
    ) async throws(StateError) -> AuditVerifier.Anchoring {
        guard let reader = try await TokenReader.stored(in: state) else {
            return .unknown("the signer state is empty")
        }
        let anchors = AuditAnchors(state) { reader.tag("audit head", $0) }
        switch try await anchors.find(chain) {
        case .anchor(let anchor): return .anchor(anchor)
        case .unusable: return .unusable
        case .none:
            let isKnown = try await !anchors.chains(at: AuditService.place(place.path)).isEmpty
            return isKnown ? .otherChain : .unknown("no head of this chain was anchored")
        }
    }

    /// Nil where nobody listens.
    private static func ask(_ socket: String) async -> AuditVerifier.Anchoring? {
        let client = HTTPClient(unixSocket: socket)
        let answer = await Blocking.run(name: "admin-socket") { () -> HTTPClient.Answer? in
            do throws(HTTPClient.Failure) {
                return try client.send("GET", "http://localhost" + AuditRoutes.path, body: nil)
            } catch { return nil }
        }
        guard let answer else { return nil }
        guard answer.status == 200 else {
            return .unknown("the running signer keeps no audit file, or has not anchored it yet")
        }
        do throws(AuditAnchor.Failure) { return .anchor(try AuditAnchor.decode(answer.body, nil)) } catch {
            return .unknown("the running signer is of another version")
        }
    }

    // MARK: The answer

    private static func show(_ report: AuditReport) {
        for note in report.notes { Output.print("note: \(note)") }
        for finding in report.findings {
            Output.print("\(finding.kind.rawValue): \(finding.file):\(finding.line): \(finding.reason)")
        }
        let range = report.lines > 0 ? ", \(report.firstSequence) to \(report.lastSequence)" : ""
        let read =
            "\(report.lines) lines in \(report.files.count) \(report.files.count == 1 ? "file" : "files")\(range)"
        switch report.status {
        case .intact: Output.print("\(read): intact, anchored up to line \(report.anchoredSequence ?? 0)")
        case .unproven:
            Output.print("\(read): the chain holds; that its end is there is not proven: \(report.unproven ?? "")")
        case .broken: Output.print("\(read) hold: BROKEN")
        }
    }
}
