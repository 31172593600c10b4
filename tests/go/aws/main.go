// Command aws puts, reads, lists and removes objects with the AWS SDK for Go v2, and ends at the first disagreement.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom.invalid/tests/check"
)

const mib = 1 << 20

// Keys that signing, encoding in URLs and in XML each treat in a way of their own.
var odd = []string{
	"odd/with space", "odd/plus+and%2Fpercent%", "odd/question?hash#amp&equals=", "odd/semi;colon:comma,at@dollar$",
	"odd/'single' \"double\" `back`", "odd/star*bang!tilde~(paren)", "odd/[brackets]{braces}|pipe^caret",
	"odd/日本語/é/🦀", "odd/e\u0301 is not é", "odd/.hidden", "odd//empty//segments", "odd/./dots/../of/paths",
	"odd/folder/", "odd/\u0001control\u007f", "odd/" + strings.Repeat("long", 100),
}

func same(what string, got, want []byte) {
	if !bytes.Equal(got, want) {
		log.Output(2, fmt.Sprintf("%s: %d bytes for %d, or others", what, len(got), len(want)))
		os.Exit(1)
	}
}

func code(err error) string {
	var failure smithy.APIError
	if errors.As(err, &failure) {
		return failure.ErrorCode()
	}
	return fmt.Sprint(err)
}

func trusting(ca string) *http.Client {
	return &http.Client{Transport: check.Transport(ca)}
}

func connect(ca string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint:     aws.String(os.Getenv("ENDPOINT")),
		Region:           os.Getenv("REGION"),
		Credentials:      credentials.NewStaticCredentialsProvider(os.Getenv("ACCESS_KEY"), os.Getenv("SECRET_KEY"), ""),
		HTTPClient:       trusting(ca),
		UsePathStyle:     os.Getenv("STYLE") != "virtual",
		RetryMaxAttempts: 1,
	})
}

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	bucket := aws.String(os.Getenv("BUCKET"))
	body := check.Must(os.ReadFile(os.Getenv("BODY")))
	kept := map[string][]byte{
		"kept/small": body[:1000], "kept/empty": {}, "kept/big": body, "kept/odd ü+&%=~ (1).bin": body[:70_000],
	}

	_, err := connect(os.Getenv("OTHER_CA")).ListBuckets(ctx, &s3.ListBucketsInput{})
	var untrusted *tls.CertificateVerificationError
	check.Agree("another authority is not trusted", errors.As(err, &untrusted), true)

	store := connect(os.Getenv("CA"))
	check.Must(store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	check.Check(s3.NewBucketExistsWaiter(store).Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, time.Minute))
	get := func(input s3.GetObjectInput) []byte {
		input.Bucket = bucket
		input.ChecksumMode = types.ChecksumModeEnabled
		answer := check.Must(store.GetObject(ctx, &input))
		defer answer.Body.Close()
		return check.Must(io.ReadAll(answer.Body))
	}
	list := func(prefix string) []string {
		keys := []string{}
		pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{
			Bucket: bucket, Prefix: &prefix, MaxKeys: aws.Int32(4), EncodingType: types.EncodingTypeUrl,
		})
		for pages.HasMorePages() {
			for _, object := range check.Must(pages.NextPage(ctx)).Contents {
				keys = append(keys, check.Must(url.QueryUnescape(*object.Key)))
			}
		}
		return keys
	}

	// The transfer manager: parts at once, both ways, each with a checksum in its trailer.
	manager := transfermanager.New(store, func(options *transfermanager.Options) {
		options.PartSizeBytes, options.Concurrency, options.MultipartUploadThreshold = 5*mib, 4, 8*mib
	})
	for key, want := range kept {
		check.Must(manager.UploadObject(ctx, &transfermanager.UploadObjectInput{
			Bucket: bucket, Key: &key, Body: bytes.NewReader(want), Metadata: map[string]string{"colour": "blue"},
		}))
		same(key, get(s3.GetObjectInput{Key: &key}), want)
		head := check.Must(store.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &key}))
		check.Agree("size", *head.ContentLength, len(want))
		check.Agree("metadata", head.Metadata["colour"], "blue")
		check.Agree("parts of "+key, strings.HasSuffix(*head.ETag, `-5"`), key == "kept/big")
	}
	back := check.Must(manager.GetObject(ctx, &transfermanager.GetObjectInput{Bucket: bucket, Key: aws.String("kept/big")}))
	same("in parts at once", check.Must(io.ReadAll(back.Body)), body)
	big := aws.String("kept/big")
	same("range", get(s3.GetObjectInput{Key: big, Range: aws.String("bytes=5242875-5242884")}), body[5*mib-5:5*mib+5])
	same("part", get(s3.GetObjectInput{Key: big, PartNumber: aws.Int32(2)}), body[5*mib:10*mib])

	for _, algorithm := range []types.ChecksumAlgorithm{
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
	} {
		// Over TLS the SDK sends unsigned chunks and each of these in the trailer.
		check.Must(store.PutObject(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: aws.String("odd/.hidden"), Body: bytes.NewReader(body[:9000]), ChecksumAlgorithm: algorithm,
		}))
		same(string(algorithm), get(s3.GetObjectInput{Key: aws.String("odd/.hidden")}), body[:9000])
	}

	var group sync.WaitGroup
	for _, key := range odd {
		group.Go(func() {
			check.Must(store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(key)}))
			same(key, get(s3.GetObjectInput{Key: &key}), []byte(key))
		})
	}
	group.Wait()
	slices.Sort(odd)
	check.Agree("odd keys", fmt.Sprintf("%q", list("odd/")), fmt.Sprintf("%q", odd))
	source := *bucket + "/" + url.PathEscape("odd/question?hash#amp&equals=")
	check.Must(store.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copied"), CopySource: &source}))
	same("copy", get(s3.GetObjectInput{Key: aws.String("copied")}), []byte("odd/question?hash#amp&equals="))

	signer := s3.NewPresignClient(store)
	signed := check.Must(signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("signed ü")}))
	request := check.Must(http.NewRequest(signed.Method, signed.URL, strings.NewReader("up")))
	check.Agree("presigned put", check.Must(trusting(os.Getenv("CA")).Do(request)).StatusCode, 200)
	signed = check.Must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("signed ü")}))
	answer := check.Must(trusting(os.Getenv("CA")).Get(signed.URL))
	same("presigned get", check.Must(io.ReadAll(answer.Body)), []byte("up"))

	doomed := []types.ObjectIdentifier{{Key: aws.String("copied")}, {Key: aws.String("signed ü")}}
	for _, key := range odd {
		// XML 1.0 cannot carry most control characters, so those go one by one.
		if strings.ContainsRune(key, '\u0001') {
			check.Must(store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key}))
			continue
		}
		doomed = append(doomed, types.ObjectIdentifier{Key: &key})
	}
	gone := check.Must(store.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: doomed}}))
	check.Agree("deleted", len(gone.Deleted), len(doomed))
	check.Agree("errors", len(gone.Errors), 0)
	_, err = store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("copied")})
	check.Agree("deleted", code(err), "NoSuchKey")
	_, err = store.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	check.Agree("not empty", code(err), "BucketNotEmpty")
	left := []string{}
	for key := range kept {
		left = append(left, key)
	}
	slices.Sort(left)
	check.Agree("left", list(""), left)
	fmt.Println("all agree")
}
