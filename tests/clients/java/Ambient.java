import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.InstanceProfileRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/** The AWS SDK for Java v2 without any configured key: whatever its default chain finds in the environment. */
public final class Ambient {
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

    public static void main(String[] arguments) throws Exception {
        String bucket = System.getenv("BUCKET");
        String configured = System.getenv("AWS_REGION");
        Region region = configured != null ? Region.of(configured) : new InstanceProfileRegionProvider().getRegion();
        TrustManager[] managers = trusting(System.getenv("CA"));
        try (DefaultCredentialsProvider provider = DefaultCredentialsProvider.builder().build();
                S3Client store = S3Client.builder()
                        .endpointOverride(URI.create(System.getenv("ENDPOINT")))
                        .region(region)
                        .credentialsProvider(provider)
                        .forcePathStyle(true)
                        .httpClient(Apache5HttpClient.builder().tlsTrustManagersProvider(() -> managers).build())
                        .build()) {
            store.putObject(request -> request.bucket(bucket).key("java"), RequestBody.fromString("by java"));
            try (ResponseInputStream<GetObjectResponse> got =
                    store.getObject(request -> request.bucket(bucket).key("java"))) {
                if (!new String(got.readAllBytes()).equals("by java")) {
                    throw new AssertionError("another object came back");
                }
            }
            AwsSessionCredentials used = (AwsSessionCredentials) provider.resolveCredentials();
            System.out.println(region + " " + used.accessKeyId());
        }
        System.exit(0);
    }
}
