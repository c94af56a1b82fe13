// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Consensus
internal import Foundation

/// `config …`
enum ConfigCommands {
    static func check(_ invocation: Invocation) throws(Failure) {
        let configuration = try invocation.configuration()
        let network = try Network.selected(by: configuration.network)
        Output.print("the configuration is valid: network \(network.name), record \(configuration.antiSlashing.path)")
    }

    static func show(_ invocation: Invocation) throws(Failure) {
        Output.print(try invocation.configuration().show())
    }

    static func reference() { Output.print(Configuration.reference) }

    /// The configuration goes to standard output, what has no equivalent to standard error.
    static func fromWeb3Signer(_ invocation: Invocation) throws(Failure) {
        let environment = ProcessInfo.processInfo.environment
        let arguments = invocation.positionals
        let path =
            invocation["from"]
            ?? Web3SignerConversion.configurationFile(arguments: arguments, environment: environment)
        let conversion: Web3SignerConversion
        do throws(ConfigurationError) {
            var file: ConfigurationFile?
            if let path { file = try ConfigurationFile.read(path) }
            conversion = try Configuration.fromWeb3Signer(arguments: arguments, file: file, environment: environment)
        } catch {
            throw Failure(rendered: "\(error)", exitCode: .usage)
        }
        Output.print(conversion.yaml)
        for remark in conversion.remarks { Output.complain("\(remark.option): \(remark.text)") }
    }
}
