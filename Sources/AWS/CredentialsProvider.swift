// SPDX-License-Identifier: Apache-2.0
internal import CAWS

/// Where credentials come from (`aws_credentials_provider`). The library keeps what it has found and fetches it again
/// before it expires, after a quarter of an hour at the latest.
@safe final class CredentialsProvider: @unchecked Sendable {
    // Sound: the pointer never changes; the library's object counts its references and may be asked from any thread.
    let handle: UnsafeMutablePointer<aws_credentials_provider>

    init(_ credentials: AWSSettings.Credentials, runtime: AWSRuntime) throws(AWSError) {
        let made =
            switch credentials {
            case .chain(let profile): unsafe Self.chain(profile: profile ?? "", runtime: runtime)
            case .fixed(let accessKey, let secretKey, let sessionToken):
                unsafe Self.fixed(accessKey, secretKey, sessionToken ?? "")
            }
        guard let made = unsafe made else {
            throw .settings(reason: "the AWS credentials cannot be set up: \(lastError())")
        }
        unsafe handle = made
    }

    deinit { unsafe aws_credentials_provider_release(handle) }

    private static func chain(profile: String, runtime: AWSRuntime) -> UnsafeMutablePointer<aws_credentials_provider>? {
        unsafe withCursor(profile) { profile in
            var options = unsafe aws_credentials_provider_chain_default_options()
            unsafe options.bootstrap = runtime.bootstrap
            unsafe options.tls_ctx = runtime.tls
            unsafe options.profile_name_override = profile
            return unsafe aws_credentials_provider_new_chain_default(aws_default_allocator(), &options)
        }
    }

    private static func fixed(
        _ accessKey: String,
        _ secretKey: String,
        _ sessionToken: String
    ) -> UnsafeMutablePointer<aws_credentials_provider>? {
        unsafe withCursor(accessKey) { accessKey in
            unsafe withCursor(secretKey) { secretKey in
                unsafe withCursor(sessionToken) { sessionToken in
                    var options = unsafe aws_credentials_provider_static_options()
                    unsafe options.access_key_id = accessKey
                    unsafe options.secret_access_key = secretKey
                    unsafe options.session_token = sessionToken
                    return unsafe aws_credentials_provider_new_static(aws_default_allocator(), &options)
                }
            }
        }
    }
}
