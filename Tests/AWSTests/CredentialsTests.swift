// SPDX-License-Identifier: Apache-2.0
import AWS
import Foundation
import Glibc
import TestSupport
import Testing

/// Where credentials come from. The environment belongs to a whole process, so each of these runs in one of its own.
@Suite(.timeLimit(.minutes(2))) struct CredentialsTests {
    /// Makes the environment that of a machine which knows nothing of AWS, with these additions.
    private static func setEnvironment(_ values: [String: String]) {
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("AWS_") { unsafe unsetenv(name) }
        let nowhere = ["AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"]
        for (name, value) in nowhere.merging(values, uniquingKeysWith: { $1 }) { unsafe setenv(name, value, 1) }
    }

    /// One call to `endpoint`, as whoever the chain says.
    private static func call(_ endpoint: String, profile: String? = nil) async -> AWSError? {
        do {
            return try await client(endpoint: endpoint, credentials: .chain(profile: profile)).failure()
        } catch { return error as? AWSError }
    }

    @Test func `the environment`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        await #expect(processExitsWith: .success) { [endpoint = server.endpoint as String] in
            Self.setEnvironment(["AWS_ACCESS_KEY_ID": "FROMENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x"])
            if let error = await Self.call(endpoint) { fatalError("\(error)") }
        }
        #expect(server.requests.first?.contains("Credential=FROMENVIRONMENT/") == true)
    }

    @Test(arguments: [("default", "FROMDEFAULT"), ("signer", "FROMSIGNER")])
    func `a profile`(profile: String, key: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let folder = try TemporaryFolder()
        let file = """
            [default]
            aws_access_key_id = FROMDEFAULT
            aws_secret_access_key = x
            [signer]
            aws_access_key_id = FROMSIGNER
            aws_secret_access_key = x

            """
        try folder.write(Data(file.utf8), to: "credentials")
        await #expect(processExitsWith: .success) {
            [endpoint = server.endpoint as String, path = folder.file("credentials") as String, profile] in
            Self.setEnvironment(["AWS_SHARED_CREDENTIALS_FILE": path, "AWS_CONFIG_FILE": "/nonexistent"])
            if let error = await Self.call(endpoint, profile: profile == "default" ? nil : profile) {
                fatalError("\(error)")
            }
        }
        #expect(server.requests.first?.contains("Credential=\(key)/") == true)
    }

    /// In the chain the environment goes before any profile; a profile that was named for itself is that profile.
    @Test(arguments: [("environment", "FROMENVIRONMENT"), ("profile", "FROMSIGNER")])
    func `a profile and nothing else, whatever the environment says`(meant: String, key: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let folder = try TemporaryFolder()
        let file = "[profile signer]\naws_access_key_id = FROMSIGNER\naws_secret_access_key = x\n"
        try folder.write(Data(file.utf8), to: "config")
        await #expect(processExitsWith: .success) {
            [endpoint = server.endpoint as String, path = folder.file("config") as String, meant] in
            Self.setEnvironment([
                "AWS_CONFIG_FILE": path, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
                "AWS_ACCESS_KEY_ID": "FROMENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x",
            ])
            let credentials: AWSSettings.Credentials =
                meant == "profile" ? .profile("signer") : .chain(profile: "signer")
            guard let client = try? AWSTests.client(endpoint: endpoint, credentials: credentials) else {
                fatalError("no client")
            }
            // The second call is made with what was kept.
            for _ in 0..<2 { if let error = await client.failure() { fatalError("\(error)") } }
        }
        #expect(server.requests.count == 2)
        #expect(server.requests.allSatisfy { $0.contains("Credential=\(key)/") })
    }

    @Test func `a profile that does not exist, or has nothing in it, is named`() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Data("[profile empty]\nregion = eu-central-1\n".utf8), to: "config")
        await #expect(processExitsWith: .success) { [path = folder.file("config") as String] in
            Self.setEnvironment(["AWS_CONFIG_FILE": path, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"])
            do {
                _ = try AWSTests.client(endpoint: "http://127.0.0.1:1", credentials: .profile("absent"))
                fatalError("there is a profile")
            } catch AWSError.settings(let reason) {
                precondition(reason.contains("the profile 'absent'") && reason.contains("AWS_CONFIG_FILE"), reason)
            } catch { fatalError("\(error)") }
            guard let client = try? AWSTests.client(endpoint: "http://127.0.0.1:1", credentials: .profile("empty")),
                case .credentials(let reason) = await client.failure()
            else { fatalError("an empty profile") }
            precondition(reason.contains("looked for in the profile 'empty'"), reason)
        }
    }

    /// The endpoint that ECS and EKS pod identity give a container. Credentials near their end are fetched again.
    @Test func `a container, again and again`() async throws {
        let service = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let container = try ScriptedServer { number in
            .answer(
                status: 200,
                body: """
                    {"AccessKeyId":"CONTAINER\(number)","SecretAccessKey":"x","Token":"t","Expiration":"2020-01-01T00:00:00Z"}
                    """
            )
        }
        await #expect(processExitsWith: .success) {
            [endpoint = service.endpoint as String, source = container.endpoint as String] in
            Self.setEnvironment([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": source + "/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a pod's token",
            ])
            guard let client = try? AWSTests.client(endpoint: endpoint, credentials: .chain()) else {
                fatalError("no client")
            }
            for _ in 0..<2 { if let error = await client.failure() { fatalError("\(error)") } }
        }
        #expect(container.requests.first?.contains("a pod's token") == true)
        #expect(service.requests.first?.contains("Credential=CONTAINER0/") == true)
        #expect(service.requests.last?.contains("Credential=CONTAINER1/") == true)
    }

    /// EC2, version 2 of the metadata service: a token first.
    @Test func `an instance`() async throws {
        let service = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let instance = try ScriptedServer { number in
            let bodies = [
                "the token", "the-role",
                #"{"Code":"Success","AccessKeyId":"INSTANCE","SecretAccessKey":"x","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#,
            ]
            return .answer(status: 200, body: bodies[min(number, 2)])
        }
        await #expect(processExitsWith: .success) {
            [endpoint = service.endpoint as String, source = instance.endpoint as String] in
            Self.setEnvironment(["AWS_EC2_METADATA_SERVICE_ENDPOINT": source, "AWS_EC2_METADATA_DISABLED": "false"])
            if let error = await Self.call(endpoint) { fatalError("\(error)") }
        }
        #expect(instance.requests.first?.hasPrefix("PUT /latest/api/token") == true)
        #expect(service.requests.first?.contains("Credential=INSTANCE/") == true)
    }

    @Test func `none at all`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        await #expect(processExitsWith: .success) { [endpoint = server.endpoint as String] in
            Self.setEnvironment([:])
            let error = await Self.call(endpoint)
            guard case .credentials(let reason) = error else { fatalError("\(Unexpected(error))") }
            precondition(
                reason.contains("no AWS credentials for dynamodb at \(endpoint) (region eu-central-1)"),
                reason
            )
            precondition(reason.contains("environment") && reason.contains("profile"), reason)
        }
        #expect(server.requests.isEmpty)
    }

    @Test func `a source that does not answer costs the limit and no more`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let silent = try ScriptedServer { _ in .silence }
        await #expect(processExitsWith: .success) {
            [endpoint = server.endpoint as String, source = silent.endpoint as String] in
            Self.setEnvironment(["AWS_CONTAINER_CREDENTIALS_FULL_URI": source + "/v1/credentials"])
            guard let client = try? AWSTests.client(endpoint: endpoint, credentials: .chain()) else {
                fatalError("no client")
            }
            let error = await client.failure(within: .milliseconds(300))
            guard case .credentials = error else { fatalError("\(Unexpected(error))") }
        }
        #expect(server.requests.isEmpty)
    }
}
