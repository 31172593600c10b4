import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.Delete;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/** The AWS SDK for Java v2, blocking and asynchronous, puts, reads, lists and removes objects. */
public final class Client {
    static final int MIB = 1 << 20;
    static final String BUCKET = System.getenv("BUCKET");
    static final URI ENDPOINT = URI.create(System.getenv("ENDPOINT"));
    static final Region REGION = Region.of(System.getenv("REGION"));
    static final StaticCredentialsProvider CREDENTIALS = StaticCredentialsProvider.create(
            AwsBasicCredentials.create(System.getenv("ACCESS_KEY"), System.getenv("SECRET_KEY")));

    /** Keys that signing, encoding in URLs and in XML each treat in a way of their own. */
    static final List<String> ODD = List.of(
            "odd/with space", "odd/plus+and%2Fpercent%", "odd/question?hash#amp&equals=",
            "odd/semi;colon:comma,at@dollar$", "odd/'single' \"double\" `back`", "odd/star*bang!tilde~(paren)",
            "odd/[brackets]{braces}|pipe^caret", "odd/日本語/é/🦀", "odd/e\u0301 is not é", "odd/.hidden",
            "odd//empty//segments", "odd/folder/", "odd/" + "long".repeat(100));

    static void agree(String what, Object got, Object want) {
        if (!got.equals(want)) {
            throw new AssertionError(what + ": got " + got + ", want " + want);
        }
    }

    static void same(String what, byte[] got, byte[] want) {
        if (!Arrays.equals(got, want)) {
            throw new AssertionError(what + ": " + got.length + " bytes for " + want.length + ", or others");
        }
    }

    static TrustManager[] trusting(String ca) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = new FileInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    static S3Client blocking(String ca) throws Exception {
        TrustManager[] managers = trusting(ca);
        return S3Client.builder()
                .endpointOverride(ENDPOINT)
                .region(REGION)
                .credentialsProvider(CREDENTIALS)
                .forcePathStyle(true)
                .overrideConfiguration(options -> options.retryStrategy(retry -> retry.maxAttempts(1)))
                .httpClient(Apache5HttpClient.builder().tlsTrustManagersProvider(() -> managers).build())
                .build();
    }

    static S3AsyncClient asynchronous(String ca) throws Exception {
        TrustManager[] managers = trusting(ca);
        return S3AsyncClient.builder()
                .endpointOverride(ENDPOINT)
                .region(REGION)
                .credentialsProvider(CREDENTIALS)
                .forcePathStyle(true)
                .multipartEnabled(true)
                .multipartConfiguration(parts -> parts.minimumPartSizeInBytes(5L * MIB)
                        .thresholdInBytes(8L * MIB).apiCallBufferSizeInBytes(20L * MIB))
                .httpClient(NettyNioAsyncHttpClient.builder().tlsTrustManagersProvider(() -> managers).build())
                .build();
    }

    public static void main(String[] arguments) throws Exception {
        String ca = System.getenv("CA");
        byte[] body = Files.readAllBytes(Path.of(System.getenv("BODY")));
        Map<String, byte[]> kept = new TreeMap<>(Map.of(
                "kept/small", Arrays.copyOf(body, 1000),
                "kept/empty", new byte[0],
                "kept/big", body,
                "kept/odd ü+&%=~ (1).bin", Arrays.copyOf(body, 70_000)));
        try (S3Client stranger = blocking(System.getenv("OTHER_CA"))) {
            stranger.listBuckets();
            throw new AssertionError("another authority was trusted");
        } catch (SdkClientException expected) {
            agree("another authority", expected.getCause() instanceof SSLException, true);
        }
        try (S3Client store = blocking(ca); S3AsyncClient async = asynchronous(ca)) {
            store.createBucket(request -> request.bucket(BUCKET));
            store.waiter().waitUntilBucketExists(request -> request.bucket(BUCKET));
            whole(store, async, kept, body);
            checksums(store, body);
            odd(store, async);
            presigned(ca);
            deleted(store, kept);
        }
        System.out.println("all agree");
        System.exit(0);
    }

    static byte[] get(S3Client store, GetObjectRequest.Builder request) {
        return store.getObject(request.bucket(BUCKET).build(), ResponseTransformer.toBytes()).asByteArray();
    }

    static GetObjectRequest.Builder of(String key) {
        return GetObjectRequest.builder().key(key);
    }

    static List<String> list(S3Client store, String prefix) {
        List<String> keys = new ArrayList<>();
        for (S3Object object : store.listObjectsV2Paginator(
                request -> request.bucket(BUCKET).prefix(prefix).maxKeys(4)).contents()) {
            keys.add(object.key());
        }
        return keys;
    }

    /** In the order of their UTF-8 bytes, which is that of listings and not Java's. */
    static List<String> sorted(Iterable<String> keys) {
        List<String> all = new ArrayList<>();
        keys.forEach(all::add);
        all.sort((one, other) -> Arrays.compareUnsigned(
                one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8)));
        return all;
    }

    static void whole(S3Client store, S3AsyncClient async, Map<String, byte[]> kept, byte[] body) {
        kept.forEach((key, want) -> {
            async.putObject(request -> request.bucket(BUCKET).key(key).metadata(Map.of("colour", "blue")),
                    AsyncRequestBody.fromBytes(want)).join();
            same(key, get(store, of(key)), want);
            HeadObjectResponse head = store.headObject(request -> request.bucket(BUCKET).key(key));
            agree("size", head.contentLength(), (long) want.length);
            agree("metadata", head.metadata(), Map.of("colour", "blue"));
            agree("parts of " + key, head.eTag().endsWith("-5\""), key.equals("kept/big"));
        });
        ResponseBytes<GetObjectResponse> back = async.getObject(
                request -> request.bucket(BUCKET).key("kept/big"), AsyncResponseTransformer.toBytes()).join();
        same("in parts at once", back.asByteArray(), body);
        same("range", get(store, of("kept/big").range("bytes=5242875-5242884")),
                Arrays.copyOfRange(body, 5 * MIB - 5, 5 * MIB + 5));
        same("part", get(store, of("kept/big").partNumber(2)), Arrays.copyOfRange(body, 5 * MIB, 10 * MIB));
    }

    static void checksums(S3Client store, byte[] body) {
        byte[] want = Arrays.copyOf(body, 9000);
        // CRC64NVME is in the Common Runtime alone, which is not among the libraries here.
        for (ChecksumAlgorithm algorithm : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C,
                ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
            // A stream goes in chunks with the checksum in the trailer.
            store.putObject(request -> request.bucket(BUCKET).key("checksum").checksumAlgorithm(algorithm),
                    RequestBody.fromContentProvider(() -> new ByteArrayInputStream(want), want.length, "text/x"));
            same(algorithm.toString(), get(store, of("checksum").checksumMode(ChecksumMode.ENABLED)), want);
        }
    }

    static void odd(S3Client store, S3AsyncClient async) {
        CompletableFuture.allOf(ODD.stream().map(key -> async
                .putObject(request -> request.bucket(BUCKET).key(key), AsyncRequestBody.fromString(key))
                .thenCompose(done -> async.getObject(
                        request -> request.bucket(BUCKET).key(key), AsyncResponseTransformer.toBytes()))
                .thenAccept(bytes -> agree(key, bytes.asUtf8String(), key))).toArray(CompletableFuture[]::new)).join();
        agree("odd keys", list(store, "odd/"), sorted(ODD));
        store.copyObject(request -> request.sourceBucket(BUCKET).sourceKey(ODD.get(2))
                .destinationBucket(BUCKET).destinationKey("copied"));
        same("copy", get(store, of("copied")), ODD.get(2).getBytes(StandardCharsets.UTF_8));
    }

    static void presigned(String ca) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trusting(ca), null);
        try (S3Presigner signer = S3Presigner.builder().endpointOverride(ENDPOINT).region(REGION)
                .credentialsProvider(CREDENTIALS)
                .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
            URL put = signer.presignPutObject(options -> options.signatureDuration(Duration.ofMinutes(1))
                    .putObjectRequest(request -> request.bucket(BUCKET).key("signed ü"))).url();
            HttpsURLConnection connection = (HttpsURLConnection) put.openConnection();
            connection.setSSLSocketFactory(context.getSocketFactory());
            connection.setRequestMethod("PUT");
            connection.setDoOutput(true);
            connection.getOutputStream().write("up".getBytes(StandardCharsets.UTF_8));
            agree("presigned put", connection.getResponseCode(), 200);
            URL get = signer.presignGetObject(options -> options.signatureDuration(Duration.ofMinutes(1))
                    .getObjectRequest(request -> request.bucket(BUCKET).key("signed ü"))).url();
            connection = (HttpsURLConnection) get.openConnection();
            connection.setSSLSocketFactory(context.getSocketFactory());
            same("presigned get", connection.getInputStream().readAllBytes(), "up".getBytes(StandardCharsets.UTF_8));
        }
    }

    static void deleted(S3Client store, Map<String, byte[]> kept) {
        List<String> doomed = new ArrayList<>(ODD);
        doomed.addAll(List.of("copied", "checksum", "signed ü"));
        Delete delete = Delete.builder()
                .objects(doomed.stream().map(key -> ObjectIdentifier.builder().key(key).build()).toList()).build();
        var gone = store.deleteObjects(request -> request.bucket(BUCKET).delete(delete));
        agree("deleted", sorted(gone.deleted().stream().map(each -> each.key()).toList()), sorted(doomed));
        agree("errors", gone.errors(), List.of());
        try {
            get(store, of("copied"));
            throw new AssertionError("copied was not deleted");
        } catch (NoSuchKeyException expected) {
            agree("status", expected.statusCode(), 404);
        }
        try {
            store.deleteBucket(request -> request.bucket(BUCKET));
            throw new AssertionError("a bucket with objects was deleted");
        } catch (S3Exception expected) {
            agree("not empty", expected.awsErrorDetails().errorCode(), "BucketNotEmpty");
        }
        agree("left", list(store, ""), sorted(kept.keySet()));
    }
}
