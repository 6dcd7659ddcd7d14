// Spring Security's opaque token support as it is: introspects each token that it reads, and prints what an application would see.
import java.nio.charset.StandardCharsets;
import java.util.Scanner;
import java.util.TreeSet;
import org.springframework.security.oauth2.server.resource.introspection.BadOpaqueTokenException;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;

public class Introspect {
    public static void main(String[] arguments) {
        var introspector = SpringOpaqueTokenIntrospector.withIntrospectionUri(arguments[0])
            .clientId(arguments[1]).clientSecret(arguments[2]).build();
        var lines = new Scanner(System.in, StandardCharsets.UTF_8);
        while (lines.hasNextLine()) {
            try {
                var principal = introspector.introspect(lines.nextLine());
                var authorities = new TreeSet<String>();
                principal.getAuthorities().forEach(one -> authorities.add(one.getAuthority()));
                System.out.println(principal.getName() + " " + principal.getAttribute("username") + " " + authorities);
            } catch (BadOpaqueTokenException refused) {
                System.out.println("refused: " + refused.getMessage());
            }
        }
    }
}
