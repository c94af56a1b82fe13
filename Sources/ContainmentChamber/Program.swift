// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Arguments
internal import Concurrency
internal import Configuration
internal import Consensus
internal import Foundation
internal import Hardening
internal import SignerAPI

/// The one binary: daemon and operator's tool.
@main
struct Program {
    static let version = "0.1.0"

    /// Not `async`: the main thread of an asynchronous program waits with every signal let through, so a signal that is
    /// blocked everywhere else would end the process there, without a drain.
    static func main() {
        // Before the first thread, and for every command: `keys list` holds secrets too.
        let hardening = Hardening.apply()
        // Without exit handlers: a thread that still opens a keystore must not find its library torn down. Nothing of
        // ours is left in a buffer.
        _exit(run(Array(CommandLine.arguments.dropFirst()), hardening).rawValue)
    }

    private static func run(_ arguments: [String], _ hardening: HardeningReport) -> ExitCode {
        switch CommandTree.program.parse(arguments) {
        case .help(let text):
            Output.print(text)
            return .success
        case .version:
            Output.print("containment-chamber \(version)")
            return .success
        case .refused(let error):
            Output.complain("\(error)")
            return .usage
        case .run(let invocation):
            guard invocation.path == ["server"] else {
                return finish { () async throws(Failure) in try await dispatch(invocation) }
            }
            Signals.blockAll()
            let server: ServerCommand
            do throws(Failure) { server = try ServerCommand(invocation, hardening: hardening) } catch {
                Output.complain("\(error)")
                return error.exitCode
            }
            return finish { () async throws(Failure) in
                try await server.run()
                return .success
            }
        }
    }

    /// Runs a command as a task and waits for it here.
    private static func finish(_ command: @escaping @Sendable () async throws(Failure) -> ExitCode) -> ExitCode {
        let ended = Condition<ExitCode?>(nil)
        Task {
            var code: ExitCode
            do throws(Failure) {
                code = try await command()
            } catch {
                Output.complain("\(error)")
                code = error.exitCode
            }
            ended.broadcast { [code] in $0 = code }
        }
        while true {
            if let code = ended.wait(timeout: nil, until: { $0 }) { return code }
        }
    }

    private static func dispatch(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        switch invocation.path {
        case ["config", "check"]: try ConfigCommands.check(invocation)
        case ["config", "show"]: try ConfigCommands.show(invocation)
        case ["config", "reference"]: ConfigCommands.reference()
        case ["config", "from-web3signer"]: try ConfigCommands.fromWeb3Signer(invocation)
        case ["keys", "list"]: try await KeysCommands.list(invocation)
        case ["keys", "inspect"]: try KeysCommands.inspect(invocation)
        case ["keys", "generate"]: try ChamberKeyCommands.generate(invocation)
        case ["keys", "import"]: try KeyImport.run(invocation)
        case ["keys", "activate"]: try ChamberKeyCommands.activate(invocation)
        case ["keys", "deactivate"]: try ChamberKeyCommands.deactivate(invocation)
        case ["keys", "delete"]: try ChamberKeyCommands.delete(invocation)
        case ["keys", "export-backup"]: try BackupExport.run(invocation)
        case ["keys", "recover"]: try await KeyRecovery.run(invocation)
        case ["anti-slashing", "init"]: try await SlashingCommands.initialize(invocation)
        case ["anti-slashing", "migrate"]: try SlashingCommands.migrate(invocation)
        case ["anti-slashing", "copy"]: return try await HistoryCommands.copy(invocation)
        case ["anti-slashing", "verify"]: return try await VerifyCommand.run(invocation)
        case ["anti-slashing", "import"]: return try await HistoryCommands.take(invocation)
        case ["anti-slashing", "export"]: try await HistoryCommands.give(invocation)
        case ["anti-slashing", "prune"]: try await SlashingCommands.prune(invocation)
        case ["anti-slashing", "watermark"]: try await SlashingCommands.watermark(invocation)
        case ["anti-slashing", "reconcile"]: return try await SlashingCommands.reconcile(invocation)
        case ["anti-slashing", "instances"]: try await InstanceCommands.list(invocation)
        case ["anti-slashing", "retire"]: try await InstanceCommands.retire(invocation)
        case ["anti-slashing", "disable"]: return try await EnablingCommands.disable(invocation)
        case ["anti-slashing", "enable"]: return try await EnablingCommands.enable(invocation)
        case ["anti-slashing", "disabled"]: try await EnablingCommands.list(invocation)
        case ["anti-slashing", "status"]: try await SlashingCommands.status(invocation)
        case ["operator", "init"]: try CeremonyCommands.initialize(invocation)
        case ["operator", "status"]: try CeremonyCommands.status(invocation)
        case ["operator", "seal"]: try CeremonyCommands.seal(invocation)
        case ["operator", "unseal"]:
            if invocation["operator"] != nil { return try await UnsealCommand.run(invocation) }
            try CeremonyCommands.unseal(invocation)
        case ["operator", "register"]: try RegisterCommand.run(invocation)
        case ["operator", "approve"]: try ApproveCommand.run(invocation)
        case ["operator", "rotate", "kms"]: return try await RotateCommands.keys(invocation)
        case ["operator", "rotate", "quorum"]: return try await RotateCommands.quorum(invocation)
        case ["operator", "rotate", "mode"]: return try await RotateCommands.mode(invocation)
        case ["operator", "rotate", "master-key"]: return try await RotateCommands.masterKey(invocation)
        case ["operator", "rotate", "continue"]: return try await RotateCommands.resume(invocation)
        case ["operator", "rotate", "cancel"]: try RotateCommands.cancel(invocation)
        case ["operator", "rotate", "withdraw"]: try RotateCommands.withdraw(invocation)
        case ["operator", "credentials", "list"]: try CredentialCommands.list(invocation)
        case ["operator", "credentials", "add"]: return try await CredentialCommands.add(invocation)
        case ["operator", "credentials", "remove"]: return try await CredentialCommands.remove(invocation)
        case ["operator", "local-key"]: try CeremonyCommands.makeLocalKey(invocation)
        case ["operator", "generate-root-token"]: return try await RootToken.make(invocation)
        case ["operator", "auth", "tokens", "list"]: try OperatorCommands.listTokens(invocation)
        case ["operator", "auth", "tokens", "show"]: try OperatorCommands.showToken(invocation)
        case ["operator", "auth", "tokens", "create"]: try OperatorCommands.createToken(invocation)
        case ["operator", "auth", "tokens", "replace"]: try OperatorCommands.replaceToken(invocation)
        case ["operator", "auth", "tokens", "revoke"]: try OperatorCommands.revokeToken(invocation)
        case ["operator", "auth", "tokens", "delete"]: try OperatorCommands.deleteToken(invocation)
        case ["operator", "auth", "certificates", "list"]: try OperatorCommands.listCertificates(invocation)
        case ["operator", "auth", "certificates", "show"]: try OperatorCommands.showCertificate(invocation)
        case ["operator", "auth", "certificates", "create"]: try OperatorCommands.createCertificate(invocation)
        case ["operator", "auth", "certificates", "delete"]: try OperatorCommands.deleteCertificate(invocation)
        case ["operator", "auth", "policies", "list"]: try OperatorCommands.listPolicies(invocation)
        case ["operator", "auth", "policies", "show"]: try OperatorCommands.showPolicy(invocation)
        case ["operator", "auth", "policies", "apply"]: try OperatorCommands.applyPolicy(invocation)
        case ["operator", "auth", "policies", "delete"]: try OperatorCommands.deletePolicy(invocation)
        case ["audit", "verify"]: return try await AuditCommands.verify(invocation)
        case ["api"]: APICommand.run(invocation)
        case ["doctor"]: return try DoctorCommand.run(invocation)
        case ["version"]: Output.print("containment-chamber \(version)")
        default: preconditionFailure("the command \(invocation.path) is declared but nothing runs it")
        }
        return .success
    }
}

extension Invocation {
    /// The file of the configuration, where there is one.
    var configurationPath: String? { self["config"] ?? ProcessInfo.processInfo.environment["CONTAINMENT_CONFIG"] }

    /// The configuration of this command line: file, environment, flags.
    func configuration() throws(Failure) -> Configuration {
        var environment = ProcessInfo.processInfo.environment
        environment["CONTAINMENT_CONFIG"] = nil
        return try Invocation.configuration(
            file: configurationPath,
            environment: environment,
            flags: Configuration.flags(in: self)
        )
    }
}

extension Invocation {
    /// The configuration of a file and, where given, of environment and command line.
    static func configuration(
        file path: String?,
        environment: [String: String] = [:],
        flags: [GivenFlag] = []
    ) throws(Failure) -> Configuration {
        do throws(ConfigurationError) {
            var file: ConfigurationFile?
            if let path { file = try ConfigurationFile.read(path) }
            return try Configuration.load(
                file: file,
                environment: environment,
                flags: flags,
                networks: Network.allNamed.map { network in
                    .init(name: network.name, genesisValidatorsRoot: network.genesisValidatorsRoot?.bytes)
                },
                recipientFault: { texts in
                    do throws(AgeError) {
                        _ = try BackupRecipients(texts)
                        return nil
                    } catch { return "\(error)" }
                }
            )
        } catch {
            throw Failure(rendered: "\(error)", exitCode: .usage)
        }
    }
}
