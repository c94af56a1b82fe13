// SPDX-License-Identifier: Apache-2.0
internal import CAWS

/// What one request says: a POST to the root, as the services with a JSON protocol want it.
struct Request: Sendable {
    let headers: [(name: String, value: String)]
    let body: RequestBody
    /// The refusals whose words are told, by code; nil for all.
    let quotable: Set<String>?
}

/// A request in the library's form, with the bytes of its body (`aws_http_message`).
@safe final class RequestMessage {
    let handle: OpaquePointer
    let signable: UnsafeMutablePointer<aws_signable>
    /// SHA-256 of the body in hexadecimal, for the signature. Taken where the body lies: the library would first read it
    /// into a buffer that it gives back as it is.
    let bodyDigest: String
    private let body: StandingBytes

    init?(_ request: Request) {
        let allocator = unsafe aws_default_allocator()
        body = StandingBytes(request.body)
        guard let digest = body.digest, let message = unsafe aws_http_message_new_request(allocator) else { return nil }
        bodyDigest = digest
        var content = unsafe body.cursor
        let stream = unsafe aws_input_stream_new_from_cursor(allocator, &content)
        unsafe aws_http_message_set_body_stream(message, stream)
        unsafe aws_input_stream_release(stream)
        var isComplete =
            unsafe withCursor("POST") { unsafe aws_http_message_set_request_method(message, $0) } == AWS_OP_SUCCESS
            && withCursor("/") { unsafe aws_http_message_set_request_path(message, $0) } == AWS_OP_SUCCESS
        for (name, value) in request.headers {
            unsafe withCursor(name) { name in
                unsafe withCursor(value) { value in
                    var header = unsafe aws_http_header()
                    unsafe header.name = name
                    unsafe header.value = value
                    if unsafe aws_http_message_add_header(message, header) != AWS_OP_SUCCESS { isComplete = false }
                }
            }
        }
        guard isComplete, let signable = unsafe aws_signable_new_http_request(allocator, message) else {
            unsafe aws_http_message_release(message)
            return nil
        }
        unsafe handle = message
        unsafe self.signable = signable
    }

    deinit {
        unsafe aws_signable_destroy(signable)
        unsafe aws_http_message_release(handle)
    }

    /// Adds the headers of a signature; false where that fails.
    func apply(_ signature: UnsafeMutablePointer<aws_signing_result>) -> Bool {
        unsafe aws_apply_signing_result_to_http_request(handle, aws_default_allocator(), signature) == AWS_OP_SUCCESS
    }
}

/// Who signs requests for one service in one region (SigV4).
struct RequestSigner: Sendable {
    let service: String
    let region: String
    let credentials: CredentialsProvider

    /// Takes the signature, or nil and the library's error code, and the context.
    typealias Callback =
        @convention(c) (UnsafeMutablePointer<aws_signing_result>?, Int32, UnsafeMutableRawPointer?) -> Void

    /// Calls back once with the signature, from any thread and perhaps before it returns; never where it returns false.
    func sign(
        _ message: RequestMessage,
        context: UnsafeMutableRawPointer,
        _ callback: Callback
    ) -> Bool {
        unsafe withCursor(service) { service in
            unsafe withCursor(region) { region in
                unsafe withCursor(message.bodyDigest) { digest in
                    var settings = unsafe aws_signing_config_aws()
                    unsafe settings.config_type = AWS_SIGNING_CONFIG_AWS
                    unsafe settings.algorithm = AWS_SIGNING_ALGORITHM_V4
                    unsafe settings.signature_type = AWS_ST_HTTP_REQUEST_HEADERS
                    unsafe settings.region = region
                    unsafe settings.service = service
                    unsafe settings.signed_body_value = digest
                    unsafe settings.flags.use_double_uri_encode = 1
                    unsafe settings.flags.should_normalize_uri_path = 1
                    unsafe settings.credentials_provider = credentials.handle
                    unsafe aws_date_time_init_now(&settings.date)
                    return unsafe start(&settings, message, context, callback)
                }
            }
        }
    }

    private func start(
        _ settings: inout aws_signing_config_aws,
        _ message: RequestMessage,
        _ context: UnsafeMutableRawPointer,
        _ callback: Callback
    ) -> Bool {
        unsafe withUnsafePointer(to: &settings) { settings in
            unsafe settings.withMemoryRebound(to: aws_signing_config_base.self, capacity: 1) { settings in
                unsafe aws_sign_request_aws(aws_default_allocator(), message.signable, settings, callback, context)
                    == AWS_OP_SUCCESS
            }
        }
    }
}
