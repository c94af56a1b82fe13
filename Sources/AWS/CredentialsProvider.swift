// SPDX-License-Identifier: Apache-2.0
internal import CAWS

/// Where credentials come from (`aws_credentials_provider`). The library keeps what it has found and fetches it again
/// before it expires, after a quarter of an hour at the latest.
@safe final class CredentialsProvider: @unchecked Sendable {
    // Sound: the pointer never changes; the library's object counts its references and may be asked from any thread.
    let handle: UnsafeMutablePointer<aws_credentials_provider>
    /// For errors: where it looks.
    let source: String

    init(_ credentials: AWSSettings.Credentials, runtime: AWSRuntime) throws(AWSError) {
        let made: UnsafeMutablePointer<aws_credentials_provider>?
        switch credentials {
        case .chain(let profile):
            source = "the environment, the profile, a web identity, the container's and the instance's endpoint"
            unsafe made = Self.chain(profile: profile ?? "", runtime: runtime)
        case .profile(let name):
            source = "the profile '\(name)'"
            unsafe made = Self.profile(name, runtime: runtime)
            // It is read now to see of what kind it is; the library does not say what is wrong.
            guard unsafe made != nil else {
                throw .settings(
                    reason:
                        "the profile '\(name)' is not in the AWS configuration or is not complete; look at AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else ~/.aws"
                )
            }
        case .fixed(let accessKey, let secretKey, let sessionToken):
            source = "the settings"
            unsafe made = Self.fixed(accessKey, secretKey, sessionToken ?? "")
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

    private static func profile(_ name: String, runtime: AWSRuntime) -> UnsafeMutablePointer<aws_credentials_provider>?
    {
        unsafe withCursor(name) { name in
            var options = unsafe aws_credentials_provider_profile_options()
            unsafe options.bootstrap = runtime.bootstrap
            unsafe options.tls_ctx = runtime.tls
            unsafe options.profile_name_override = name
            let source = unsafe aws_credentials_provider_new_profile(aws_default_allocator(), &options)
            guard let source = unsafe source else { return nil }
            defer { unsafe aws_credentials_provider_release(source) }
            var kept = unsafe aws_credentials_provider_cached_options()
            unsafe kept.source = source
            // As the chain does.
            unsafe kept.refresh_time_in_milliseconds = 15 * 60 * 1000
            return unsafe aws_credentials_provider_new_cached(aws_default_allocator(), &kept)
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
